// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0
const http2 = require("node:http2");

const [to, me] = process.argv.slice(2);
const session = http2.connect(to);

function ask(headers, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ authorization: `Bearer s3cret-${me}`, ...headers });
    let status, sum, text = "";
    stream.setEncoding("utf8");
    stream.on("response", (fields) => { status = fields[":status"]; });
    stream.on("trailers", (fields) => { sum = fields.sum; });
    stream.on("data", (part) => { text += part; });
    stream.on("error", reject);
    stream.on("end", () => resolve(`HTTP/2 ${status} ${text}${sum ? " sum " + sum : ""}`));
    stream.end(body);
  });
}

async function main() {
  console.log(await ask({ ":path": `/greeting?client=${me}` }));
  console.log(await ask({ ":method": "POST", ":path": "/orders", "content-type": "application/json" },
    JSON.stringify({ client: me, items: [1, 2], password: `hunter2-${me}` })));
  if (session.alpnProtocol !== "h2") throw new Error(`the protocol is ${session.alpnProtocol}`);
  session.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
