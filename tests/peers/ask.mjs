// SPDX-License-Identifier: MIT OR Apache-2.0
// Asks a server what it has, by the client of the protocol's authors: one JSON object on standard output.
//
// Usage: ask.mjs ROOTS COMMAND [WORD...]     (ROOTS: a JSON array; an empty one: none are declared)
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [roots, command, ...args] = process.argv.slice(process.argv.indexOf("--ask") + 1);
const declared = JSON.parse(roots);
const capabilities = declared.length > 0 ? { roots: {} } : {};
const client = new Client({ name: "peer", version: "1" }, { capabilities });
if (declared.length > 0) {
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: declared }));
}
await client.connect(new StdioClientTransport({ command, args, stderr: "ignore" }));

// Every page of a list; nothing where the server does not offer any.
async function list(offered, ask, member) {
  const items = [];
  let cursor;
  do {
    if (!offered) {
      break;
    }
    const page = await ask(cursor === undefined ? {} : { cursor });
    items.push(...page[member]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

const offers = client.getServerCapabilities();
const answer = {
  server: client.getServerVersion(),
  instructions: client.getInstructions() ?? null,
  tools: await list(offers.tools, (page) => client.listTools(page), "tools"),
  resources: await list(offers.resources, (page) => client.listResources(page), "resources"),
  templates: await list(offers.resources, (page) => client.listResourceTemplates(page), "resourceTemplates"),
  prompts: await list(offers.prompts, (page) => client.listPrompts(page), "prompts"),
};
process.stdout.write(JSON.stringify(answer));
await client.close();
