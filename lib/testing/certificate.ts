/**
 * A fixed, self-signed certificate for `localhost`, `127.0.0.1` and `::1`, and its key, both as PEM; valid until 2099.
 *
 * It goes into the server's `tls` and, as it is its own authority, its `cert` into the client's `ca`. The key is public:
 * never trust this certificate outside a test.
 *
 * @example
 * import { startTestServer, testCertificate } from "asynchttpserver/testing";
 * import { get } from "node:https";
 * import { once } from "node:events";
 * import assert from "node:assert";
 *
 * const server = await startTestServer((request) => request.respond(200, "safe"), { tls: testCertificate });
 * const [response] = await once(get(server.url, { ca: testCertificate.cert }), "response");
 * assert.equal(String(await response.toArray()), "safe");
 * await server.close();
 */
export const testCertificate: {
  /** The private key, as PEM. */
  readonly key: string;
  /** The certificate, which is its own authority, as PEM. */
  readonly cert: string;
} = Object.freeze({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwrC6CVXnOwnr+KhP
YI1zz47ekbnoPGWkwp/1Xej4OFWhRANCAARNw+6OE+UK9Fy0dqZ0Ne931w3t3yx/
3zQm0iT9N6Yh5+WLCyednYGfAJhsLhcbVagT6DRPFiXOsEevxE43usBA
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBsjCCAVmgAwIBAgIUH8iG5tMJ8KlzQneUvJXLJuINb60wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTIwMDEwMTAwMDAwMFoYDzIwOTkxMjMx
MjM1OTU5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARNw+6OE+UK9Fy0dqZ0Ne931w3t3yx/3zQm0iT9N6Yh5+WLCyednYGf
AJhsLhcbVagT6DRPFiXOsEevxE43usBAo4GGMIGDMA8GA1UdEwEB/wQFMAMBAf8w
DgYDVR0PAQH/BAQDAgKEMBMGA1UdJQQMMAoGCCsGAQUFBwMBMCwGA1UdEQQlMCOC
CWxvY2FsaG9zdIcEfwAAAYcQAAAAAAAAAAAAAAAAAAAAATAdBgNVHQ4EFgQUH0vr
meWUWgxSqfqQumG3k5Q+il8wCgYIKoZIzj0EAwIDRwAwRAIgH5ICpPfBOUN1QozO
YfxwMzpec++mGm51FsyJ8LgTDicCIHV+M/stIsruFjWyomqgQNv8/BPeT9y1RBmz
xKZQ4p84
-----END CERTIFICATE-----
`,
});
