// A path between weir and a browser: every datagram crosses it, takes its time, may be lost, and is noted.
//
//   1. two sockets: weir takes one for the browser, the browser takes the other for weir;
//   2. in each description the candidates are rewritten, so that nobody knows another way;
//   3. a datagram waits `delay` ms, unless the seeded generator loses it;
//   4. each is kept with its moment, direction and fate; kinds are told by their first bytes alone, as
//      an observer of the path could; all can be written as a capture.
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';

const HOST = '10.77.0.1';
export const now = () => performance.timeOrigin + performance.now();

// xorshift32: the same seed loses the same packets, by their number in each direction.
const chance = seed => {
  let x = (seed * 2654435761 >>> 0) || 1;
  return () => { x ^= x << 13; x >>>= 0; x ^= x >>> 17; x ^= x << 5; x >>>= 0; return x / 4294967296; };
};

const stunKinds = { 0x0001: 'check', 0x0101: 'answer', 0x0111: 'error', 0x0011: 'indication' };
const records = { 20: 'ccs', 21: 'alert', 22: 'handshake', 23: 'data', 24: 'heartbeat', 25: 'cid', 26: 'ack' };
const messages = { 1: 'ClientHello', 2: 'ServerHello', 11: 'Certificate', 12: 'ServerKeyExchange', 14: 'ServerHelloDone',
  16: 'ClientKeyExchange', 20: 'Finished' };

// The first record says enough: [RFC 6347 4.1], [RFC 9147 4] for those of epoch 2 and 3.
function dtlsKind(b) {
  if (!b.length) return '';
  if ((b[0] & 0xe0) === 0x20) return `epoch ${b[0] & 3 || 4}`;
  const epoch = b.length > 4 ? b.readUInt16BE(3) : 0;
  if (b[0] === 22 && epoch === 0 && b.length > 13) return messages[b[13]] || `handshake ${b[13]}`;
  return records[b[0]] || `record ${b[0]}`;
}

export function kindOf(b) {
  if (b.length >= 20 && b[0] < 4) {
    let rides = '';
    for (let at = 20; at + 4 <= b.length;) {
      const type = b.readUInt16BE(at), n = b.readUInt16BE(at + 2);
      if (type === 0xc070 && n) rides = ` + ${dtlsKind(b.subarray(at + 4, at + 4 + n))}`;
      at += 4 + n + (4 - n % 4) % 4;
    }
    return `${stunKinds[b.readUInt16BE(0)] || 'STUN'}${rides}`;
  }
  if (b[0] >= 20 && b[0] <= 63) return dtlsKind(b);
  return b[0] >= 128 && b[0] <= 191 ? 'RTP' : 'other';
}

// Protected application data: of epoch 3 and up in DTLS 1.3, of content type 23 in DTLS 1.2.
function isData(b) {
  return (b[0] & 0xe0) === 0x20 ? (b[0] & 3) === 3 : b[0] === 23;
}

// The longest record of data in a datagram.
export function dataBytes(b) {
  let longest = 0;
  for (let at = 0; at < b.length;) {
    const first = b[at];
    let head = 13, n = 0;
    if ((first & 0xe0) === 0x20) {
      head = 1 + (first & 8 ? 2 : 1) + (first & 4 ? 2 : 0);
      n = first & 4 ? (at + head <= b.length ? b.readUInt16BE(at + head - 2) : 0) : b.length - at - head;
    } else if (first >= 20 && first <= 26 && at + 13 <= b.length) {
      n = b.readUInt16BE(at + 11);
    } else {
      break;
    }
    if (isData(b.subarray(at)) && n > longest) longest = n;
    at += head + n;
  }
  return longest;
}

export class Relay {
  static async open({ delay = 50, loss = 0, seed = 1 } = {}) {
    const relay = new Relay();
    Object.assign(relay, { delay, loss, packets: [], lost: 0, ends: {}, sockets: {}, line: { weir: [], browser: [] } });
    for (const [i, side] of ['weir', 'browser'].entries()) {
      const socket = relay.sockets[side] = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
      const roll = chance(seed * 2 + i);
      socket.on('message', (data, from) => relay.carry(side, data, from, roll() < relay.loss));
      await new Promise(resolve => socket.bind(0, HOST, resolve));
    }
    return relay;
  }

  // What `from` sent to the socket that stands for the other.
  carry(from, data, { port }, isLost) {
    const to = from === 'weir' ? 'browser' : 'weir';
    const packet = { at: now(), from, to, data: Buffer.from(data), isLost };
    this.packets.push(packet);
    this.ends[from] = port; // where it really speaks from: of its candidates only one is used
    if (isLost) { this.lost++; return; }
    packet.due = packet.at + this.delay;
    const line = this.line[to];
    line.push(packet);
    if (line.length === 1) this.forward(to);
  }

  // First in, first out: a path reorders nothing by itself.
  forward(to) {
    const line = this.line[to];
    while (line.length && line[0].due - now() <= 0.05) {
      const packet = line.shift();
      packet.arrived = now();
      // From the socket that stands for the sender: the one its receiver knows.
      if (!this.isClosed && this.ends[to]) this.sockets[to].send(packet.data, this.ends[to], HOST, () => 0);
    }
    if (!line.length) return;
    const wait = line[0].due - now(), again = () => this.forward(to);
    if (wait > 1.2) setTimeout(again, Math.floor(wait)); else setImmediate(again);
  }

  // `side` speaks: keep where it really is, and put our socket in its place. One UDP candidate is all there is;
  // a name instead of an address (browsers hide theirs) stands for the only address there is.
  candidate(side, line) {
    const words = line.split(' ');
    if (words.length < 8 || words[2].toLowerCase() !== 'udp' || words[1] !== '1' || words[7] !== 'host') return null;
    if (!words[4].endsWith('.local') && words[4] !== HOST) return null;
    this.ends[side] ??= Number(words[5]);
    words[4] = HOST;
    words[5] = String(this.sockets[side === 'weir' ? 'browser' : 'weir'].address().port);
    return words.join(' ');
  }

  // The same for a description; `isBare` leaves the candidates out, to be told later.
  describe(side, sdp, isBare = false) {
    const kept = [], later = [];
    for (const line of sdp.split('\r\n')) {
      if (!line.startsWith('a=candidate:')) {
        if (!(isBare && line.startsWith('a=end-of-candidates'))) kept.push(line);
        continue;
      }
      const ours = this.candidate(side, line.slice(2));
      if (ours && isBare) later.push(ours);
      else if (ours) kept.push(`a=${ours}`);
    }
    return { sdp: kept.join('\r\n'), later };
  }

  // When the first datagram with a record of at least `bytes` of data reached its receiver.
  firstData(from, bytes) {
    const packet = this.packets.find(p => p.from === from && p.arrived && dataBytes(p.data) >= bytes);
    return packet ? packet.arrived : undefined;
  }

  // A capture of what the path carried, as raw IPv4 (link type 101), each at the moment it was sent.
  pcap() {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b2c3d4, 0); head.writeUInt16LE(2, 4); head.writeUInt16LE(4, 6);
    head.writeUInt32LE(65535, 16); head.writeUInt32LE(101, 20);
    const parts = [head];
    for (const p of this.packets) {
      const b = Buffer.alloc(16 + 28), n = 28 + p.data.length, us = Math.round(p.at * 1000);
      b.writeUInt32LE(Math.floor(us / 1e6), 0); b.writeUInt32LE(us % 1e6, 4); b.writeUInt32LE(n, 8); b.writeUInt32LE(n, 12);
      b[16] = 0x45; b.writeUInt16BE(n, 18); b[24] = 64; b[25] = 17;
      Buffer.from(p.from === 'weir' ? [10, 77, 0, 1, 10, 77, 0, 2] : [10, 77, 0, 2, 10, 77, 0, 1]).copy(b, 28);
      let sum = 0;
      for (let i = 16; i < 36; i += 2) sum += b.readUInt16BE(i);
      b.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 26);
      b.writeUInt16BE(this.ends[p.from] || 1, 36); b.writeUInt16BE(this.ends[p.to] || 2, 38); b.writeUInt16BE(8 + p.data.length, 40);
      parts.push(b, p.data);
    }
    return Buffer.concat(parts);
  }

  save(path) { writeFileSync(path, this.pcap()); }

  close() {
    this.isClosed = true;
    for (const socket of Object.values(this.sockets)) socket.close();
  }
}
