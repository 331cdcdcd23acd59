import { once } from "node:events";
import { request, type IncomingMessage, type RequestOptions } from "node:http";
import { text } from "node:stream/consumers";

/** A response and its whole content. */
export interface Received {
  readonly response: IncomingMessage;
  readonly status: number;
  readonly text: string;
}

/** One request of Node's own client, on a connection of its own unless there is an agent. */
export async function requestOf(options: RequestOptions, body = ""): Promise<Received> {
  const sent = request({ agent: false, ...options }).end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { response, status: response.statusCode!, text: await text(response) };
}
