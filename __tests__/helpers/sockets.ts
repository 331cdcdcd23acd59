import net from "node:net";

const sockets = new Set<net.Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
});

/** A connection that sends these bytes, as latin1, and reads only when told; its errors count as its end. */
export function dial(port: number, bytes = ""): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () => {
      socket.removeListener("error", reject);
      resolve(socket);
    });
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.once("error", reject);
    socket.write(bytes, "latin1");
  });
}

export function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once("close", () => resolve());
  });
}

/** Sends, and gives all that comes back until the server ends the connection. */
export async function talk(port: number, bytes: string, half = false): Promise<string> {
  const socket = await dial(port, bytes);
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (piece: string) => (text += piece));
  if (half) socket.end();
  socket.on("end", () => socket.destroy());
  await closed(socket);
  return text;
}
