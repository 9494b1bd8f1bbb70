// The demo's web side, asked by somebody who is not its page: attack row Y15. Raw sockets, so that every header
// and every frame is as written here.
//
//   node test/apps/web.mjs BUILD
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { request } from 'node:https';
import { readFileSync } from 'node:fs';

const program = `${process.argv[2]}/bin/weir-demo`;
const port = 8092;
const after = ms => new Promise(resolve => setTimeout(resolve, ms));
let failed = 0;

function check(what, is) {
  if (!is) { console.log(`FAILED ${what}`); failed++; }
}

async function withDemo(options, work) {
  const demo = spawn(program, ['--listen', `127.0.0.1:${port}`, '--bind', '127.0.0.1', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', data => { said += data; });
  for (let i = 0; i < 250 && !said.includes('Ctrl-C'); i++) await after(20);
  try { await work(() => said, demo); } finally {
    const exited = new Promise(resolve => demo.on('exit', resolve));
    demo.kill('SIGINT');
    check(`ends at once with ${options}`, await Promise.race([exited, after(3000)]) === 0);
  }
}

// A socket that keeps what came, and when it closed.
function raw(text) {
  const s = connect(port, '127.0.0.1');
  const state = { got: Buffer.alloc(0), closed: false, socket: s };
  s.on('data', data => { state.got = Buffer.concat([state.got, data]); });
  s.on('close', () => { state.closed = true; });
  s.on('error', () => {});
  s.write(text);
  return state;
}

async function until(what, ms) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (what()) return true;
    await after(20);
  }
  return what();
}

async function status(text) {
  const s = raw(text);
  await until(() => s.got.includes('\r\n') || s.closed, 3000);
  s.socket.destroy();
  return Number(s.got.toString('latin1').split(' ')[1] ?? 0);
}

const upgrade = (host, origin) => `GET / HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
  + 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: weir\r\n'
  + (origin === undefined ? '' : `Origin: ${origin}\r\n`) + '\r\n';

function frame(text, { fin = true, op = 1 } = {}) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([fin << 7 | op, 0x80 | body.length])
    : body.length < 65536 ? Buffer.from([fin << 7 | op, 0xfe, body.length >> 8, body.length & 255])
      : Buffer.concat([Buffer.from([fin << 7 | op, 0xff, 0, 0, 0, 0]), Buffer.from([body.length >> 24, body.length >> 16 & 255, body.length >> 8 & 255, body.length & 255])]);
  return Buffer.concat([head, Buffer.alloc(4), body]); // masked with zeroes
}

async function open() {
  const s = raw(upgrade(`127.0.0.1:${port}`));
  await until(() => s.got.includes('\r\n\r\n') || s.closed, 3000);
  s.isOpen = s.got.toString('latin1').includes(' 101 ');
  s.got = Buffer.alloc(0);
  return s;
}

const offer = JSON.stringify({ type: 'offer', sdp: readFileSync(new URL('../data/browser/cr-data.offer.sdp', import.meta.url), 'utf8') });
const says = (s, word) => until(() => s.got.includes(word) || s.closed, 3000).then(() => s.got.includes(word));

await withDemo(['--peers', '6', '--host', 'weir.example'], async () => {
  // Only what this server served itself may talk to it.
  const own = `127.0.0.1:${port}`;
  check('its own page', await status(upgrade(own, `http://${own}`)) === 101);
  check('localhost', await status(upgrade(`localhost:${port}`, `http://localhost:${port}`)) === 101);
  check('a program without Origin', await status(upgrade(own)) === 101);
  check('a name of --host', await status(upgrade(`weir.example:${port}`, `http://weir.example:${port}`)) === 101);
  check('an address in brackets', await status(upgrade(`[::1]:${port}`, `http://[::1]:${port}`)) === 101);
  for (const origin of ['http://evil.example', 'null', `https://${own}`, `http://${own}.evil.example`, `http://127.0.0.1:1`, 'x'.repeat(400)]) {
    check(`the origin ${origin}`, await status(upgrade(own, origin)) !== 101);
  }
  check('an origin of another page says 403', await status(upgrade(own, 'http://evil.example')) === 403);
  for (const host of ['evil.example', `evil.example:${port}`, '', '127.0.0.1.evil.example', 'x'.repeat(300)]) {
    check(`the host ${host}`, await status(upgrade(host, `http://${host}`)) !== 101);
  }
  check('its page under its name', await status(`GET / HTTP/1.1\r\nHost: ${own}\r\n\r\n`) === 200);
  check('its page under another name', await status('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n') === 403);
  check('a file that is none', await status(`GET /../../etc/passwd HTTP/1.1\r\nHost: ${own}\r\n\r\n`) !== 200);

  // Sockets that say nothing take no place, and are closed; the last in line still gets one.
  const silent = [];
  for (let i = 0; i < 70; i++) silent.push(await open());
  const page = await open();
  page.socket.write(frame(offer));
  check('an offer beside silent sockets is answered', await says(page, '"answer"'));
  check('silent sockets are closed', await until(() => silent.every(s => s.closed), 13000));
  check('the page that spoke is not', !page.closed);
  page.socket.destroy();

  // Places come back, whatever a page did before it went.
  for (let round = 0; round < 4; round++) {
    const pages = [];
    for (let i = 0; i < 8; i++) {
      const s = await open();
      s.socket.write(frame(offer));
      s.socket.write(Buffer.concat(Array(round === 3 ? 20000 : 50).fill(frame('{'))));
      pages.push(s);
    }
    await Promise.all(pages.map(s => says(s, '"full"')));
    const answered = pages.filter(s => s.got.includes('"answer"')).length;
    check(`round ${round}: ${answered} of 8 pages were answered, the rest told that there is no room`,
      round === 3 || (answered === 6 && pages.filter(s => s.got.includes('no room')).length === 2));
    for (const s of pages) s.socket.destroy();
    await after(2500); /* goodbyes to a browser that is not there */
  }
  const last = await open();
  last.socket.write(frame(offer));
  check('a place after all that', await says(last, '"answer"'));

  // One page's flood loses nothing of another's.
  const flood = await open();
  flood.socket.write(Buffer.concat(Array(5000).fill(frame('{'))));
  last.socket.write(frame(offer));
  check('an answer beside a flood', await until(() => (last.got.toString('latin1').match(/"answer"/g) || []).length === 2, 3000));
  check('the flood is closed', await until(() => flood.closed, 5000));

  // Frames that announce too much, or never end.
  const huge = await open();
  huge.socket.write(Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x78]));
  huge.socket.write(Buffer.alloc(400000, 0x78));
  check('a frame of 2^62 bytes', await until(() => huge.closed, 5000));
  const endless = await open();
  endless.socket.write(Buffer.concat([frame('x'.repeat(60000), { fin: false }), ...Array(8).fill(frame('x'.repeat(60000), { fin: false, op: 0 }))]));
  check('fragments without end', await until(() => endless.closed, 5000));
  check('others go on', !last.closed);
});

await withDemo(['--https'], async said => {
  check('says https', said().includes(`https://127.0.0.1:${port}`));
  const code = await new Promise(resolve => request({ host: '127.0.0.1', port, path: '/', rejectUnauthorized: false },
    answer => { answer.resume(); resolve(answer.statusCode); }).on('error', resolve).end());
  check(`a page over https: ${code}`, code === 200);
});

// What it prints opens.
const any = spawn(program, ['--listen', `0.0.0.0:${port}`, '--bind', '127.0.0.1'], { stdio: ['ignore', 'pipe', 'pipe'] });
let words = '';
any.stdout.on('data', data => { words += data; });
await until(() => words.includes('Ctrl-C'), 5000);
check(`addresses that open: ${words}`, !words.includes('0.0.0.0') && words.includes(`http://127.0.0.1:${port}`));
any.kill('SIGINT');
await new Promise(resolve => any.on('exit', resolve));
const v6 = spawn(program, ['--listen', `[::1]:${port}`, '--bind', '127.0.0.1'], { stdio: ['ignore', 'pipe', 'pipe'] });
words = '';
v6.stdout.on('data', data => { words += data; });
if (await until(() => words.includes('Ctrl-C'), 5000)) check(`brackets: ${words}`, words.includes(`http://[::1]:${port}`));
v6.kill('SIGINT');

console.log(failed === 0 ? 'the web side holds' : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
