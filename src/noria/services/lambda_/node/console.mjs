// The console, as AWS's runtime has it: lines with time, request id and level, framed as one log record each.
import fs from "node:fs";
import util from "node:util";

import { errorText } from "./errors.mjs";

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const TEXT_FRAME = 0xa55a0003;
const JSON_FRAME = 0xa55a0002;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

let requestId;
let isJson = false;

export const setRequestId = (id) => {
  requestId = id;
};

/** Take the place of console's methods. */
export function patchConsole() {
  const fd = Number(process.env._LAMBDA_TELEMETRY_LOG_FD);
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  isJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
  const least = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase());
  LEVELS.forEach((name, number) => {
    const write = (...values) => writeRecord(fd, number + 1, name, values);
    console[name.toLowerCase()] = number < least && name !== "FATAL" ? () => {} : write;
  });
  console.log = console.info;
}

/** What ended an invocation or the process. */
export function logError(what, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(thrown);
  if (isJson) console.error(error);
  else console.error(what, "\t" + errorText(error));
}

function writeRecord(fd, level, name, values) {
  const now = new Date();
  const text = isJson
    ? jsonRecord(now.toISOString(), name, values)
    : `${now.toISOString()}\t${requestId}\t${name}\t${util.format(...values)}\n`;
  const content = Buffer.from(text);
  const frame = Buffer.alloc(16 + content.length);
  frame.writeUInt32BE(((isJson ? JSON_FRAME : TEXT_FRAME) | (level << 2)) >>> 0, 0);
  frame.writeUInt32BE(content.length, 4);
  frame.writeBigInt64BE(BigInt(now.valueOf()) * 1000n, 8);
  content.copy(frame, 16);
  writeWhole(fd, frame);
}

function jsonRecord(timestamp, level, values) {
  const record = { timestamp, level, requestId };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...record, message: values[0] }, (_, value) =>
        value instanceof Error ? { ...errorMembers(value), ...value } : value,
      );
    } catch {
      return JSON.stringify({ ...record, message: util.format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify({ ...record, message: util.format(...values), ...(error && errorMembers(error)) });
}

const errorMembers = (error) => ({
  errorType: error.constructor?.name ?? "UnknownError",
  errorMessage: error.message,
  stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
});

/** The pipe is shared with stdout, which does not block: while it is full, wait for the server to read. */
function writeWhole(fd, data) {
  let at = 0;
  while (at < data.length) {
    try {
      at += fs.writeSync(fd, data, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
}
