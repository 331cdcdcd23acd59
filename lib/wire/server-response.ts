import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { diagnosticsChannel, http } from "../node";
import type { Incoming } from "./incoming-message";

/** Who is told that an answer is with the operating system. */
export interface Sender {
  finish(): void;
}

/** What is used of Node's response beside what Node documents; where one of these is missing, `end` does the work. */
interface Insides {
  /** The head that `writeHead` made. */
  readonly _header?: unknown;
  _headerSent?: boolean;
  /** Ends Node's own measurements of the answer. */
  _finish?(): void;
}

/** Where tracers are told of requests, before Node looks at their header fields. */
const started = diagnosticsChannel.channel("http.server.request.start");
const created = diagnosticsChannel.channel("http.server.response.created");
/** Node gives the options, though its types do not say so. */
const NodeResponse = http.ServerResponse as new (request: IncomingMessage, options?: object) => ServerResponse;
/** Content up to this many bytes is copied into the write of its head: as much text as libuv writes without allocating. */
const ONE_WRITE = 16_384;

/**
 * The `http.ServerResponse` of every request: an answer that is whole when its head is made leaves in one write.
 *
 * Up to Node 22 `end` makes three parts of it (head and content, nothing with a callback, all of them in one `writev`),
 * which costs a tenth of the whole request.
 */
export class Outgoing extends NodeResponse {
  constructor(request: IncomingMessage, options?: object) {
    super(request, options);
    (request as Incoming).nodeLooks = looksNext(request);
  }

  /**
   * Sends the content behind the head that `writeHead` made, and ends the answer.
   *
   * @param content ASCII text, or bytes
   * @param sender is told when the system has all of it
   */
  sendWhole(content: string | Buffer, sender: Sender): void {
    const insides = this as unknown as Insides;
    const { socket } = this;
    const small = typeof content === "string" || content.length <= ONE_WRITE;
    if (!small || socket === null || socket.destroyed || !this.#isReady(insides)) {
      this.on("finish", () => sender.finish());
      if (content.length === 0) this.end();
      else this.end(content, "latin1");
      return;
    }
    insides._headerSent = true;
    this.finished = true;
    // Every byte as the character of the same number: text and bytes are one string, whose latin1 form is both.
    socket.write((insides._header as string) + content.toString("latin1"), "latin1", (error) => {
      if (error) return;
      this.emit("finish");
      sender.finish();
    });
    insides._finish?.();
  }

  /** Sends the head that `writeHead` made; as `flushHeaders` does, but for the bytes of latin1 values, which that changes. */
  sendHead(): void {
    const insides = this as unknown as Insides;
    const { socket } = this;
    if (socket === null || typeof insides._header !== "string" || insides._headerSent !== false) return this.flushHeaders();
    insides._headerSent = true;
    socket.write(insides._header, "latin1");
  }

  /** Tells when an answer that is sent piece by piece is with the system. */
  endFor(sender: Sender): void {
    this.on("finish", () => sender.finish());
    this.end();
  }

  #isReady(insides: Insides): boolean {
    return (
      typeof insides._header === "string" &&
      insides._headerSent === false &&
      this.finished === false &&
      !this.chunkedEncoding &&
      // Node's server goes on with the connection when it hears this event.
      this.listenerCount("finish") > 0
    );
  }
}

/**
 * Now that the answer is made, is Node's look for an `Expect` the next at the request's header fields? Before it there may
 * come a look for a `Host`, a listener for requests that are dropped, and tracers.
 */
function looksNext({ httpVersionMinor, socket }: IncomingMessage): boolean {
  const { server } = socket as { server?: Server & { requireHostHeader?: boolean } };
  const others = server?.requireHostHeader === true || (server?.maxRequestsPerSocket ?? 0) > 0;
  return httpVersionMinor === 1 && !others && !started.hasSubscribers && !created.hasSubscribers;
}
