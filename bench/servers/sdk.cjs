// SPDX-License-Identifier: MIT OR Apache-2.0
// A server made with the official kit, as it is installed in the folder of the first argument; one tool that echoes.
const { createRequire } = require("node:module");
const kit = createRequire(process.argv[2] + "/package.json");
const { McpServer } = kit("@modelcontextprotocol/sdk/server/mcp.js");
const { StdioServerTransport } = kit("@modelcontextprotocol/sdk/server/stdio.js");

const server = new McpServer({ name: "sdk", version: "1" });
server.registerTool("read", { description: "Echoes." }, () => ({ content: [{ type: "text", text: "here" }] }));
server.connect(new StdioServerTransport());
