// SPDX-License-Identifier: MIT OR Apache-2.0
// Inside a sandbox: call a command of the host's without a process for it.
const socket = require("net").connect(process.env.LEASH_IPC);
const lines = require("readline").createInterface({ input: socket });
const waiting = new Map();
let last = 0;

lines.on("line", (text) => {
  const line = JSON.parse(text);
  if (line.method === "output") return process.stdout.write(line.params.data); // of a long answer
  const { resolve, reject } = waiting.get(line.id) ?? {};
  waiting.delete(line.id);
  if (line.error) reject?.(new Error(line.error.message));
  else resolve?.(line.result);
});

function call(name, args) {
  const params = { name, arguments: args };
  socket.write(JSON.stringify({ jsonrpc: "2.0", id: ++last, method: "call", params }) + "\n");
  return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
}

Promise.all([call("weather", { city: "Oslo" }), call("weather", { town: "Oslo" }).catch((e) => e)])
  .then(([answer, error]) => {
    console.log(answer.json.degrees);
    console.log(error.message.split("\n")[0]);
    socket.end();
  });
