import { IncomingMessage } from "node:http";

export * from "../../lib/wire/incoming-message";

/** Node's own class, which the library reads by its public face. */
export { IncomingMessage as Incoming };
