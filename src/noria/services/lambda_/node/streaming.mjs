// Handlers that write their answer as a stream: `awslambda.streamifyResponse`.
import { Writable } from "node:stream";
import { finished } from "node:stream/promises";

import { errorDocument, invalidStreamingOperation } from "./errors.mjs";

const IS_STREAMING = Symbol("streaming");
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
const PRELUDE_END = Buffer.alloc(8);
const TRAILERS = ["Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"];

/** What functions find as the global `awslambda`. */
export const awslambda = {
  streamifyResponse: (handler, options) => Object.assign(handler, { [IS_STREAMING]: options ?? {} }),
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setContentType(PRELUDE_TYPE);
      stream._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(metadata));
        write(PRELUDE_END);
      };
      return stream;
    },
  },
};

export const isStreaming = (handler) => handler[IS_STREAMING] !== undefined;
export const streamOptions = (handler) => handler[IS_STREAMING];

/** What the handler writes to; opens the request to the Runtime API with the first write. */
export class ResponseStream extends Writable {
  #api;
  #id;
  #type = "application/octet-stream";
  #request;
  #answered;

  constructor(api, id, { highWaterMark } = {}) {
    super({ highWaterMark, decodeStrings: true });
    this.#api = api;
    this.#id = id;
  }

  setContentType(type) {
    if (this.#request) throw invalidStreamingOperation("Cannot set content-type, too late.");
    this.#type = type;
  }

  write(chunk, ...rest) {
    const isBytes = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(isBytes ? chunk : JSON.stringify(chunk), ...rest);
  }

  _write(chunk, encoding, done) {
    this.#open().write(chunk, done);
  }

  _final(done) {
    this.#open().end(done);
  }

  #open() {
    if (!this.#request) {
      [this.#request, this.#answered] = this.#api.stream(this.#id, {
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        "Content-Type": this.#type,
        "Transfer-Encoding": "chunked",
        Trailer: TRAILERS.join(", "),
      });
      this._onBeforeFirstWrite?.((chunk) => this.#request.write(chunk));
    }
    return this.#request;
  }

  /** Resolves once all of it is written and taken. */
  async answered() {
    await finished(this);
    await this.#answered;
  }

  /** End with an error, wherever in the answer; resolves once that is taken. */
  fail(error) {
    const document = errorDocument(error);
    const request = this.#open();
    const body = Buffer.from(JSON.stringify(document)).toString("base64");
    request.addTrailers({ [TRAILERS[0]]: document.errorType, [TRAILERS[1]]: body });
    request.end();
    return this.#answered;
  }
}
