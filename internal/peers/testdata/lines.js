'use strict';

// node lines.js ws: the client of that package, told what to do by lines of JSON
// on standard input, and telling what it sees on standard output.

const {createRequire} = require('node:module');
const readline = require('node:readline');
const standard = require('./standard.js');

const installed = createRequire(process.cwd() + '/');   // where npm has put them
const {WebSocket} = installed(process.argv[2]);
const client = standard(WebSocket, event => process.stdout.write(JSON.stringify(event) + '\n'));

readline.createInterface({input: process.stdin})
  .on('line', line => {
    const command = JSON.parse(line);
    client[command.do](command);
  })
  .on('close', () => process.exit());
