import { newAsyncHttpServer } from "../../lib/index";
import { several } from "./clients";
import {
  breakResponse,
  breakRequest,
  failures,
  FaultApp,
  inMidResponse,
  inMidRequest,
  disconnections,
} from "../helpers/faults";
import { talk } from "../helpers/sockets";
import { report, size } from "./sizes";

const resets = size("SOAK_RESETS", 500, 500);
const rounds = size("SOAK_FAILURES", 1_000, 500);

let app: FaultApp;

beforeEach(async () => {
  app = new FaultApp();
  await app.server.listen(0);
  void app.server.serve(app.callback);
});

afterEach(() => app.server.close());

test.each(disconnections)(
  `${resets} clients of which each %s in mid-request`,
  async (_, disconnect) => {
    await several(resets, 8, (i) =>
      breakRequest(app, inMidRequest[i % inMidRequest.length]![1], disconnect, i % 2 === 0),
    );
    await app.expectNothingLeft();
    report(`${app.ran} requests run, ${app.settled} responses settled, no error, nothing left`);
  },
  120_000,
);

test.each(disconnections)(
  `${resets} clients of which each %s in mid-response`,
  async (_, disconnect) => {
    await several(resets, 8, (i) => breakResponse(app, inMidResponse[i % inMidResponse.length]![1], disconnect));
    await app.expectNothingLeft();
    report(`${app.ran} requests run, ${app.settled} responses settled, ${app.returned} streams returned, nothing left`);
  },
  120_000,
);

test(`${rounds} handlers that fail in ${failures.length} ways, each told of once`, async () => {
  const told = new Map<string, number>();
  const errors: unknown[] = [];
  const server = newAsyncHttpServer({
    onError(error, request) {
      errors.push(error);
      const { path } = request!.url;
      told.set(path, (told.get(path) ?? 0) + 1);
    },
  });
  await server.listen(0);
  void server.serve((request) => {
    const index = Number(request.url.path.slice(1));
    return failures[index % failures.length]![1](request);
  });
  const wrong: string[] = [];
  await several(rounds, 8, async (i) => {
    const [how, , response] = failures[i % failures.length]!;
    const text = await talk(server.getPort(), `GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`, true);
    if (!response.test(text)) wrong.push(`${how}: ${JSON.stringify(text)}`);
  });
  expect(wrong).toEqual([]);
  expect(errors).toHaveLength(rounds);
  expect([...told.values()].filter((times) => times !== 1)).toEqual([]);
  await server.close();
  report(`${errors.length} errors, each once`);
}, 120_000);
