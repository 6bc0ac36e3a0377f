// Handlers of every kind; see test_lambda_nodejs.py.
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
let late;

exports.echo = async (event, context) => {
  const left = context.getRemainingTimeInMillis();
  return { event, context: { ...context }, left };
};
exports.log = async () => {
  console.log("two\nlines", { a: 1 });
  console.error("bad");
  process.stdout.write("raw\n");
};

exports.fail = async () => {
  throw Object.assign(new TypeError("no"), { code: 7 });
};
exports.text = async () => {
  throw "just text";
};
exports.reject = async () => {
  Promise.reject(new Error("nobody cares"));
  await pause(900);
};
exports.uncaught = (event, context, callback) => {
  setTimeout(() => {
    throw new Error("later");
  }, 1);
};
exports.exit = async () => process.exit(3);
exports.never = async () => new Promise(() => {});
exports.cyclic = async () => {
  const it = {};
  it.it = it;
  return it;
};
exports.callbackError = (event, context, callback) => callback(new RangeError("called"));

exports.sync = () => "dropped";
exports.callback = (event, context, callback) => {
  const before = late;
  setTimeout(() => (late = "set"), 50);
  callback(null, before ?? "called");
};
exports.soon = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => {}, 60000);
  callback(null, "soon");
};
exports.done = (event, context) => context.done(null, "done");
exports.nested = { deep: { handler: async () => "deep" } };
exports.number = 5;

exports.stream = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.setContentType("text/plain");
  stream.write("one ");
  await pause(5);
  stream.write({ two: 2 });
  stream.end();
});
exports.http = awslambda.streamifyResponse(async (event, stream) => {
  const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
  http.write("body");
  http.end();
});
exports.broken = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("part");
  throw new Error("torn");
});
