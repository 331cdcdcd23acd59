import { asyncHooks } from "../node";

/**
 * Before Node 24 all requests of a connection are emitted in one asynchronous context, so that what a handler enters
 * (`AsyncLocalStorage.enterWith`) would be there for the next request, too: each handler runs in a context of its own.
 */
export const SHARED_CONTEXT = Number(process.versions.node.split(".")[0]) < 24;

/** The asynchronous context of a connection or a request. */
export class AsyncContext extends asyncHooks.AsyncResource {
  /** Does it keep the process alive? Jest asks, and would call it an open handle otherwise. */
  hasRef(): boolean {
    return false;
  }
}
