import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { Agent as HttpsAgent, get } from "node:https";
import { isIP } from "node:net";
import { Agent, fetch } from "undici";
import { Http200, newAsyncHttpServer, type AsyncHttpServer } from "../../lib/index";
import { startTestServer, testCertificate } from "../../lib/testing/index";
import { rejectionOf } from "../helpers/servers";

const { key, cert } = testCertificate;
const certificate = new X509Certificate(cert);

test("the key is that of the certificate", () => {
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
});

test("it is its own authority", () => {
  expect(certificate.ca).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
});

test("it is good for decades", () => {
  expect(new Date(certificate.validFrom).getUTCFullYear()).toBe(2020);
  expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2099);
});

test.each([
  ["localhost", true],
  ["127.0.0.1", true],
  ["::1", true],
  ["localhost.example", false],
  ["127.0.0.2", false],
  ["::2", false],
])("it stands for %s: %p", (host, expected) => {
  const subject = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  expect(subject !== undefined).toBe(expected);
});

test("it cannot be changed", () => {
  expect(() => Object.assign(testCertificate, { key: "" })).toThrow(TypeError);
});

const starts: [name: string, start: () => Promise<AsyncHttpServer>][] = [
  ["startTestServer", () => startTestServer((request) => request.respond(Http200, "safe"), { tls: testCertificate })],
  [
    "newAsyncHttpServer",
    async () => {
      const server = newAsyncHttpServer({ tls: testCertificate });
      await server.listen(0);
      void server.serve((request) => request.respond(Http200, "safe"));
      return server;
    },
  ],
];

describe.each(starts)("%s", (_, start) => {
  test("is trusted by undici", async () => {
    await using server = await start();
    const dispatcher = new Agent({ connect: { ca: cert } });
    expect(await (await fetch(server.url, { dispatcher })).text()).toBe("safe");
    await dispatcher.close();
  });

  test("is trusted by node:https, under the address and the name", async () => {
    await using server = await start();
    for (const servername of ["", "localhost"]) {
      const agent = new HttpsAgent({ ca: cert, servername });
      const [response] = await once(get(server.url, { agent }), "response");
      expect(String(await response.toArray())).toBe("safe");
      expect(response.socket.authorized).toBe(true);
    }
  });

  test("is not trusted without the certificate", async () => {
    await using server = await start();
    const error = await rejectionOf(fetch(server.url));
    expect(error.cause).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  });
});
