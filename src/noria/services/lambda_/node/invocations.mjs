// One invocation after the other: event, context and callback for the handler; its answer for the Runtime API.
import { logError, setRequestId } from "./console.mjs";
import { nodeJsExit } from "./errors.mjs";
import { ResponseStream, isStreaming, streamOptions } from "./streaming.mjs";

/** What is to happen when nothing is left to wait for; nothing else would happen then. */
let whenIdle;
process.on("beforeExit", () => {
  const next = whenIdle;
  whenIdle = undefined;
  next?.();
});

export const isPromise = (value) => typeof value?.then === "function";

/** Handle invocations for good. onTaken: called with the id of each. */
export async function handleInvocations(api, handler, onTaken) {
  const handle = isStreaming(handler) ? handleStreaming : handleBuffered;
  for (;;) {
    const { headers, body } = await api.next();
    const id = headers["lambda-runtime-aws-request-id"];
    setRequestId(id);
    onTaken(id);
    setTrace(headers["lambda-runtime-trace-id"]);
    await handle(api, handler, id, headers, body);
  }
}

function setTrace(header) {
  if (header) process.env._X_AMZN_TRACE_ID = header;
  else delete process.env._X_AMZN_TRACE_ID;
}

function parsed(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

function contextOf(headers, own) {
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const { env } = process;
  let waits = true;
  return {
    get callbackWaitsForEmptyEventLoop() {
      return waits;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value;
    },
    ...own,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers["lambda-runtime-client-context"], "ClientContext"),
    identity: parsed(headers["lambda-runtime-cognito-identity"], "CognitoIdentity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

function serialized(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}

/** Resolves once the invocation is answered: by a promise, a callback or the context's older methods. */
function handleBuffered(api, handler, id, headers, body) {
  return new Promise((resolve, reject) => {
    let isDone = false;
    const once = (settle) => (...values) => {
      if (isDone) return;
      isDone = true;
      whenIdle = undefined;
      settle(...values);
    };
    const respond = (result) => {
      try {
        api.respond(id, serialized(result)).then(resolve, reject);
      } catch (error) {
        failWith(error);
      }
    };
    const failWith = (error) => {
      logError("Invoke Error", error);
      api.fail(id, error).then(resolve, reject);
    };
    const settle = (error, result) => (error === undefined || error === null ? respond(result) : failWith(error));
    const done = once(settle);
    const succeed = once(respond);
    const fail = once((error) => failWith(error ?? "handled"));
    const callback = once((error, result) => {
      if ((error === undefined || error === null) && context.callbackWaitsForEmptyEventLoop) {
        whenIdle = () => respond(result);
      } else {
        settle(error, result);
      }
    });
    const isAsync = handler.constructor?.name === "AsyncFunction";
    whenIdle = once(() => (isAsync ? failWith(nodeJsExit()) : respond(null)));
    let context;
    try {
      context = contextOf(headers, {});
      Object.assign(context, { succeed, fail, done });
      const result = handler(JSON.parse(body), context, callback);
      if (isPromise(result)) result.then(succeed, fail);
    } catch (error) {
      fail(error);
    }
  });
}

async function handleStreaming(api, handler, id, headers, body) {
  const stream = new ResponseStream(api, id, streamOptions(handler));
  try {
    const context = contextOf(headers);
    const result = handler(JSON.parse(body), stream, context);
    if (!isPromise(result)) throw "Streaming does not support non-async handlers.";
    whenIdle = () => stream.destroy(nodeJsExit());
    if ((await result) !== undefined) console.warn("Streaming handlers ignore return values.");
    if (!stream.writableEnded) throw "Response stream is not finished.";
    await stream.answered();
  } catch (error) {
    logError("Invoke Error", error);
    await stream.fail(error);
  } finally {
    whenIdle = undefined;
  }
}
