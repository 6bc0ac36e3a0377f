// A runtime for Node.js functions: `node index.mjs HANDLER`, with the variables of an execution environment.
import { RuntimeApi } from "./api.mjs";
import { logError, patchConsole } from "./console.mjs";
import { callbackHandlerDeprecated, unhandledPromiseRejection } from "./errors.mjs";
import { loadHandler } from "./handler.mjs";
import { handleInvocations } from "./invocations.mjs";
import { awslambda, isStreaming } from "./streaming.mjs";

const NO_CALLBACKS_SINCE = 24;
const EXIT_EXCEPTION = 129;
const EXIT_REJECTION = 128;

patchConsole();
globalThis.awslambda = awslambda;
const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
let running; // the id of the invocation, of which there is none while the function initialises

/** Tell whoever waits, then end: the state of the process is unknown. */
function end(error, status) {
  const told = running === undefined ? api.failInit(error) : api.fail(running, error);
  told.finally(() => process.exit(status));
}

process.on("uncaughtException", (error) => {
  logError("Uncaught Exception", error);
  end(error, EXIT_EXCEPTION);
});
process.on("unhandledRejection", (reason, promise) => {
  const error = unhandledPromiseRejection(reason, promise);
  logError("Unhandled Promise Rejection", error);
  end(error, EXIT_REJECTION);
});

async function start() {
  const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.argv[2]);
  const major = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1]);
  if (major >= NO_CALLBACKS_SINCE && handler.length > 2 && !isStreaming(handler)) {
    throw callbackHandlerDeprecated();
  }
  return handler;
}

start().then(
  (handler) =>
    handleInvocations(api, handler, (id) => {
      running = id;
    }),
  (error) => {
    logError("Uncaught Exception", error);
    end(error, EXIT_EXCEPTION);
  },
);
