// What the drivers in node share: two processes with one connection each, doing what weir-bench does, one
// JSON object per line. Descriptions, candidates and counts pass over the standard streams of the second.
//
//   node PEER.mjs setup | latency | throughput SECONDS SIZE|mixed MODE | rtp SECONDS SIZE
//
// A peer library is an object:
//   name, version
//   open(role, pipe, isUnreliable)   its connection, begun: { opened, close() }, where `opened` is a promise of
//                                    { send(bytes), buffered(), onLow(low, call), onMessage(call) }
//   openMedia(role, pipe)            the same, of { send(packet), onMessage(call) }; where it can
//   high                             how much it is given ahead, where it is fastest
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const SETUPS = 30, WARM_SETUPS = 3, PINGS = 4000, WARM_PINGS = 500, WARM_MS = Number(process.env.WEIR_BENCH_WARM ?? 500);
const now = () => performance.now();
const sleep = ms => new Promise(done => setTimeout(done, ms));
const turn = () => new Promise(done => setImmediate(done));
export const addressOf = role => process.env[role === 'caller' ? 'WEIR_BENCH_NEAR' : 'WEIR_BENCH_FAR'] ?? '127.0.0.1';

// -- The other process ----------------------------------------------------------------------------

class Pipe {
  constructor(input, output) {
    this.output = output;
    this.heard = [];
    this.waiting = [];
    this.early = [];
    this.onSignal = null;
    this.of = 0;
    createInterface({ input }).on('line', line => {
      const m = JSON.parse(line);
      if (m?.signal !== undefined) {
        if (m.of === this.of && this.onSignal) this.onSignal(m.signal); else this.early.push(m);
      } else if (this.waiting.length) this.waiting.shift()(m);
      else this.heard.push(m);
    });
  }

  tell(m) { this.output.write(`${JSON.stringify(m)}\n`); }
  // Signals belong to a connection; those of the one before that come late are dropped.
  begin() { this.of++; this.onSignal = null; }
  signal(m) { this.tell({ signal: m, of: this.of }); }
  listen(call) {
    this.onSignal = call;
    for (const m of this.early.splice(0)) if (m.of === this.of) call(m.signal);
  }

  hear() {
    if (this.heard.length) return Promise.resolve(this.heard.shift());
    return new Promise(done => this.waiting.push(done));
  }
}

// -- Content: a number, then a piece of one table of noise, as in bench_content.c -------------------

const PLACES = 64, PLACE_BYTES = 40;
const noise = Buffer.alloc(65536 + PLACES * PLACE_BYTES);
for (let i = 0, x = 2463534242; i < noise.length; i++) {
  x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
  noise[i] = x >>> 11;
}
const table = Buffer.from(noise);
const place = k => (k % PLACES) * PLACE_BYTES;

function sizeOf(k, size) {
  if (size !== 0) return size;
  const x = Math.imul(k, 2654435761) >>> 0;
  return 16 + (x >>> 16) % (1 << (7 + (x >>> 8) % 8));
}

// Lend message k to `send`; the table is as it was afterwards.
function lend(k, size, send, head = 0) {
  const at = place(k);
  table.writeUInt32LE(k, at + head);
  const result = send(table.subarray(at, at + sizeOf(k, size)));
  noise.copy(table, at + head, at + head, at + head + 4);
  return result;
}

// The number of a message that is as it was sent; ends the program if it is not.
function check(m, size, next) {
  const k = m.readUInt32LE(0);
  if (m.length !== sizeOf(k, size) || (next !== undefined && k !== next)
      || noise.compare(m, 4, m.length, place(k) + 4, place(k) + m.length) !== 0) {
    console.error('a message came damaged or out of order', k, next, m.length);
    process.exit(1);
  }
  return k;
}

// -- Figures ----------------------------------------------------------------------------------------

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

class Span {
  constructor() { this.at = now(); this.cpu = process.cpuUsage(); }
  seconds() { return (now() - this.at) / 1000; }
  cpuPct() {
    const c = process.cpuUsage(this.cpu);
    return (c.user + c.system) / 1e4 / this.seconds();
  }
}

function report(peer, scenario, cpuPct, fields) {
  console.log(JSON.stringify({ bench: peer.name, ver: peer.version, scenario, procs: 2, cpu_pct: Number(cpuPct.toFixed(1)), ...fields }));
}

// -- Scenarios ----------------------------------------------------------------------------------------

async function setupCaller(peer, pipe) {
  const ms = [];
  let span;
  for (let i = 0; i < WARM_SETUPS + SETUPS; i++) {
    await pipe.hear();
    if (i === WARM_SETUPS) span = new Span();
    const at = now();
    pipe.begin();
    const connection = peer.open('caller', pipe, false);
    await connection.opened;
    await pipe.hear();
    if (i >= WARM_SETUPS) ms.push(now() - at);
    pipe.tell('done');
    await connection.close();
  }
  ms.sort((a, b) => a - b);
  report(peer, 'setup', span.cpuPct(), { n: SETUPS, median_ms: Number(quantile(ms, 0.5).toFixed(3)), p95_ms: Number(quantile(ms, 0.95).toFixed(3)) });
}

async function setupCallee(peer, pipe) {
  for (let i = 0; i < WARM_SETUPS + SETUPS; i++) {
    pipe.begin();
    const connection = peer.open('callee', pipe, false);
    pipe.tell('ready');
    await connection.opened;
    pipe.tell('open');
    await pipe.hear();
    await connection.close();
  }
}

async function latencyCaller(peer, pipe) {
  const channel = await peer.open('caller', pipe, false).opened;
  await pipe.hear();
  const us = [];
  let span, at = 0, k = 0;
  const serve = () => {
    if (k === WARM_PINGS) span = new Span();
    at = now();
    lend(k, 64, m => channel.send(m));
  };
  await new Promise(done => {
    channel.onMessage(m => {
      const came = now();
      check(m, 64, k);
      if (k++ >= WARM_PINGS) us.push((came - at) * 1000);
      if (us.length === PINGS) done(); else serve();
    });
    serve();
  });
  const cpu = span.cpuPct();
  us.sort((a, b) => a - b);
  report(peer, 'latency', cpu, { p50_us: Number(quantile(us, 0.5).toFixed(1)), p99_us: Number(quantile(us, 0.99).toFixed(1)) });
}

async function latencyCallee(peer, pipe) {
  const channel = await peer.open('callee', pipe, false).opened;
  let next = 0;
  channel.onMessage(m => { check(m, 64, next++); channel.send(m); });
  pipe.tell('ready');
}

// Keep the channel full: what is buffered lies between half of `high` and all of it.
async function throughputCaller(peer, pipe, seconds, size, mode) {
  const channel = await peer.open('caller', pipe, mode !== 'ordered-reliable').opened;
  await pipe.hear();
  let k = 0, ahead = 0, wake = () => 0; // asking what is buffered may cost as much as a message
  channel.onLow(peer.high / 2, () => wake());
  async function keepFull(until) {
    for (let n = 0; now() < until; n++) {
      if (ahead >= peer.high && (ahead = channel.buffered()) >= peer.high) {
        await new Promise(done => { wake = done; setTimeout(done, 5); }); // it is not always told
      } else if (n % 256 === 255) {
        await turn();
      } else {
        lend(k, size, m => { channel.send(m); ahead += m.length; });
        k++;
      }
    }
  }
  await keepFull(now() + WARM_MS);
  pipe.tell('begin');
  const span = new Span();
  await keepFull(now() + seconds * 1000);
  const cpu = span.cpuPct();
  pipe.tell('over');
  const r = await pipe.hear();
  report(peer, 'throughput', cpu + r.cpu, { mode, size: size || 'mixed', mbps: Number((r.bytes * 8 / 1e6 / r.seconds).toFixed(1)), messages: Math.round(r.messages / r.seconds) });
}

async function throughputCallee(peer, pipe, seconds, size, mode) {
  const isOrdered = mode === 'ordered-reliable';
  let bytes = 0, messages = 0, next = 0;
  const channel = await peer.open('callee', pipe, !isOrdered).opened;
  channel.onMessage(m => {
    next = check(m, size, isOrdered ? next : undefined) + 1;
    bytes += m.length;
    messages++;
  });
  pipe.tell('ready');
  await pipe.hear();
  const span = new Span(), before = { bytes, messages };
  await pipe.hear();
  pipe.tell({ bytes: bytes - before.bytes, messages: messages - before.messages, seconds: span.seconds(), cpu: span.cpuPct() });
}

async function rtpCaller(peer, pipe, seconds, size) {
  const track = await peer.openMedia('caller', pipe).opened;
  await pipe.hear();
  const packet = Buffer.alloc(size);
  packet.writeUInt32BE(0x80600000);
  packet.writeUInt32BE(42, 8);
  let k = 0;
  async function flood(until) {
    while (now() < until) {
      for (let i = 0; i < 64; i++, k++) {
        packet.writeUInt16BE(k & 0xffff, 2);
        packet.writeUInt32BE((k >>> 3) * 90, 4);
        noise.copy(packet, 12, place(k), place(k) + size - 12);
        packet.writeUInt32LE(k, 12);
        track.send(packet);
      }
      await turn();
    }
  }
  await flood(now() + WARM_MS);
  await sleep(300);
  pipe.tell('begin');
  const span = new Span(), before = k;
  await flood(now() + seconds * 1000);
  const wall = span.seconds(), cpu = span.cpuPct();
  await sleep(300);
  pipe.tell('over');
  const r = await pipe.hear();
  report(peer, 'rtp', cpu + r.cpu, { size, pps_received: Math.round(r.packets / wall), lost_pct: Number((100 - r.packets * 100 / (k - before)).toFixed(2)) });
}

async function rtpCallee(peer, pipe, seconds, size) {
  let packets = 0;
  const track = await peer.openMedia('callee', pipe).opened;
  track.onMessage(m => {
    if (m[1] >= 192 && m[1] <= 223) return; // RTCP
    check(m.subarray(12), size - 12, undefined);
    packets++;
  });
  pipe.tell('ready');
  await pipe.hear();
  const span = new Span(), before = packets;
  await pipe.hear();
  pipe.tell({ packets: packets - before, cpu: span.cpuPct() });
}

// -----------------------------------------------------------------------------------------------------

export async function drive(peer) {
  const [scenario, ...rest] = process.argv.slice(2);
  const isCallee = rest.at(-1) === 'callee';
  const [seconds, size, mode] = [Number(rest[0]), rest[1] === 'mixed' ? 0 : Number(rest[1]), rest[2]];
  const run = { setup: [setupCaller, setupCallee], latency: [latencyCaller, latencyCallee],
    throughput: [throughputCaller, throughputCallee], rtp: [rtpCaller, rtpCallee] }[scenario];
  if (!run || (scenario === 'rtp' && !peer.openMedia)) {
    console.error(`usage: ${peer.name} setup | latency | throughput SECONDS SIZE|mixed MODE${peer.openMedia ? ' | rtp SECONDS SIZE' : ''}`);
    process.exit(2);
  }
  if (isCallee) {
    process.stdin.on('end', () => process.exit(0));
    await run[1](peer, new Pipe(process.stdin, process.stdout), seconds, size, mode);
    return;
  }
  const net = process.env.WEIR_BENCH_FAR_NET;
  const command = [...(net ? ['nsenter', `--net=${net}`] : []), process.execPath, process.argv[1], scenario, ...rest, 'callee'];
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.on('exit', code => { if (code) process.exit(1); });
  await run[0](peer, new Pipe(child.stdout, child.stdin), seconds, size, mode);
  child.stdin.end();
  setTimeout(() => process.exit(0), 50);
}
