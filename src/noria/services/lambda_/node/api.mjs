// The client of the Runtime API (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
import http from "node:http";

import { errorDocument } from "./errors.mjs";

const PREFIX = "/2018-06-01/runtime/";
const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";

export class RuntimeApi {
  #host;
  #port;
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(address) {
    [this.#host, this.#port] = address.split(":");
  }

  /** Wait for an invocation: its headers, with lower-case names, and its event as text. */
  next() {
    return this.#call("GET", "invocation/next");
  }

  respond(id, body) {
    return this.#call("POST", `invocation/${encodeURIComponent(id)}/response`, body);
  }

  fail(id, error) {
    return this.#post(`invocation/${encodeURIComponent(id)}/error`, error);
  }

  failInit(error) {
    return this.#post("init/error", error);
  }

  #post(what, error) {
    const document = errorDocument(error);
    return this.#call("POST", what, JSON.stringify(document), { [ERROR_TYPE]: document.errorType });
  }

  /** An answer that is written piece by piece: the request, and when it has been answered. */
  stream(id, headers) {
    const request = http.request(
      this.#options("POST", `invocation/${encodeURIComponent(id)}/response`, headers),
    );
    return [request, this.#answer(request)];
  }

  #call(method, what, body, headers = {}) {
    const request = http.request(this.#options(method, what, headers));
    if (body !== undefined) {
      request.setHeader("Content-Type", "application/json");
      request.setHeader("Content-Length", Buffer.byteLength(body));
    }
    request.end(body);
    return this.#answer(request);
  }

  #options(method, what, headers) {
    const { host, port, agent } = { host: this.#host, port: this.#port, agent: this.#agent };
    return { host, port, agent, method, path: PREFIX + what, headers };
  }

  #answer(request) {
    return new Promise((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      });
    });
  }
}
