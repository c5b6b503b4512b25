// Compress a text by fetch, in Node.js 18 or later, Deno, Bun or a browser. Needs a service: `condenser serve`.

const url = globalThis.process?.env.CONDENSER_URL ?? "http://127.0.0.1:8000";
const headers = { "Content-Type": "application/json" };  // and Authorization: `Bearer ${key}` where keys are set

async function post(path, body) {
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.title}: ${answer.detail}`);
  return answer;
}

const text =
  "The ferry to Tallinn leaves at 07:45 on weekdays. Nobody knows why it is full most of the time, but people like " +
  "to talk about it over coffee and cake for hours. Tickets cost 24 euros. Dogs must stay on the upper deck.";

const short = await post("/compress", { text, question: "What does a ticket cost?", target_ratio: 0.4, method: "extractive" });
console.log(short.compressed);
console.log(`${short.sizes.source_tokens} -> ${short.sizes.compressed_tokens} tokens`);

// Offsets count Unicode code points, as Array.from does; JavaScript's own count UTF-16 units.
const points = Array.from(text);
for (const [start, end] of short.fidelity.omitted) console.log("left out:", points.slice(start, end).join(""));

const back = await post("/reconstruct", { capsule: short.capsule });
console.log(back.text === text ? "the same text came back" : "another text came back");

await post("/compress", { text, must_keep: ["not in the text"] }).catch((error) => console.log(error.message));
