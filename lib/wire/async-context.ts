import { asyncHooks } from "../node";

/** The asynchronous context of a connection or a request. */
export class AsyncContext extends asyncHooks.AsyncResource {
  /** Does it keep the process alive? Jest asks, and would call it an open handle otherwise. */
  hasRef(): boolean {
    return false;
  }
}
