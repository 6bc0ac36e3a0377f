// Errors of the runtime's own, under AWS's names, and errors as AWS's documents.
import util from "node:util";

class RuntimeError extends Error {
  constructor(name, message, stack) {
    super(message);
    this.name = `Runtime.${name}`;
    this.stack = stack ?? this.stack.replace(/^Error/, this.name);
  }
}

export const handlerNotFound = (text) => new RuntimeError("HandlerNotFound", text);
export const malformedHandlerName = (text) => new RuntimeError("MalformedHandlerName", text);
export const importModuleError = (cause) => new RuntimeError("ImportModuleError", String(cause));
export const userCodeSyntaxError = (cause) =>
  new RuntimeError("UserCodeSyntaxError", String(cause), cause.stack);
export const malformedStreamingHandler = (text) => new RuntimeError("MalformedStreamingHandler", text);
export const invalidStreamingOperation = (text) => new RuntimeError("InvalidStreamingOperation", text);
export const callbackHandlerDeprecated = () =>
  new RuntimeError(
    "CallbackHandlerDeprecated",
    "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
      "You need to modify this function to use a supported handler signature to use Node.js 24 or later. " +
      "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
  );
export const nodeJsExit = () =>
  new RuntimeError("NodeJsExit", "The Lambda runtime client detected an unexpected Node.js exit code. " +
    "This is most commonly caused by a Promise that was never settled. " +
    "For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes");

export function unhandledPromiseRejection(reason, promise) {
  const error = new RuntimeError("UnhandledPromiseRejection", String(reason));
  return Object.assign(error, { reason, promise });
}

const isError = (value) =>
  util.types.isNativeError(value) ||
  ["name", "message", "stack"].every((member) => value?.[member] && typeof value[member] === "string");

/** The payload of a failed invocation, whatever was thrown. */
export function errorDocument(error) {
  try {
    return isError(error)
      ? { errorType: error.name, errorMessage: error.message, trace: error.stack.split("\n") }
      : { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    const errorMessage =
      "callback called with Error argument, but there was a problem while retrieving one or more of its " +
      "message, name, and stack";
    return { errorType: "handled", errorMessage };
  }
}

/** As the log has it: with the members that the user gave it. */
export function errorText(error) {
  try {
    return JSON.stringify(error, (_, value) => (value instanceof Error ? members(value) : value));
  } catch {
    return JSON.stringify(errorDocument(error));
  }
}

const members = (error) => ({
  errorType: error.name,
  errorMessage: error.message,
  code: error.code,
  ...error,
  ...(typeof error.stack === "string" && { stack: error.stack.split("\n") }),
});
