import { postLines } from "./servers";
import { chunked } from "./wire-case";

/** A body on the wire, framed in one of the two ways (RFC 9112 6). */
export interface Framing {
  readonly name: string;
  head(length: number, ...lines: readonly string[]): string;
  part(text: string): string;
  readonly end: string;
}

export const framings: readonly Framing[] = [
  {
    name: "Content-Length",
    head: (length, ...lines) => postLines("/up", [`Content-Length: ${length}`, ...lines], ""),
    part: (bytes) => bytes,
    end: "",
  },
  {
    name: "chunked",
    head: (_length, ...lines) => postLines("/up", [chunked, ...lines], ""),
    part: (bytes) => `${bytes.length.toString(16)}\r\n${bytes}\r\n`,
    end: "0\r\n\r\n",
  },
];
