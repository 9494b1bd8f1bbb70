// The scenes of weir-peer with each guest. Both speak the same lines, so a scene is written once.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const [build, ...words] = process.argv.slice(2);
const here = new URL('.', import.meta.url).pathname;
const guests = {
  aiortc: { command: ['/usr/bin/python3', `${here}guest_aiortc.py`], trickles: false, most: 60000, media: true },
  pion: { command: [`${build}/test/guest-pion`], trickles: true, most: 60000, media: true },
  libwebrtc: { command: ['node', `${here}guest_wrtc.mjs`], trickles: true, most: 200000, media: true },
};

// A process that speaks lines, and what it has said.
class Speaker {
  constructor(name, command, options) {
    this.name = name;
    this.lines = [];
    this.listeners = [];
    this.complaints = '';
    this.child = spawn(command, options, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stderr.on('data', data => { this.complaints += data; });
    this.child.stdin.on('error', () => {});
    this.exited = new Promise(resolve => this.child.on('exit', code => resolve(code)));
    createInterface({ input: this.child.stdout }).on('line', text => {
      let line;
      try { line = JSON.parse(text); } catch { return; }
      this.lines.push(line);
      for (const listener of [...this.listeners]) listener(line);
    });
  }

  send(line) { this.child.stdin.write(JSON.stringify(line) + '\n'); }

  wait(what, test, ms = 15000, from = 0) {
    return new Promise((resolve, reject) => {
      const done = line => { clearTimeout(timer); this.listeners = this.listeners.filter(l => l !== look); resolve(line); };
      const look = line => { if (test(line)) done(line); };
      const timer = setTimeout(() => reject(new Error(`${this.name} never said ${what}; it said ${JSON.stringify(this.lines).slice(-1200)} ${this.complaints.slice(-400)}`)), ms);
      this.listeners.push(look);
      for (const line of this.lines.slice(from)) look(line);
    });
  }
}

const isDescription = line => line.type === 'offer' || line.type === 'answer';

// What one says of signalling, the other hears.
function join(a, b) {
  for (const [from, to] of [[a, b], [b, a]]) {
    from.listeners.push(line => { if (isDescription(line) || line.type === 'candidate') to.send(line); });
  }
}

async function scene(guest, { guestOffers, trickle, media }) {
  const weir = new Speaker('weir-peer', `${build}/bin/weir-peer`, ['--bind', '10.77.0.1', ...(trickle ? ['--trickle'] : [])]);
  const [program, ...options] = guest.command;
  const other = new Speaker('the guest', program, [...options, ...(trickle && guest.trickles ? ['--trickle'] : [])]);
  try {
    join(weir, other);
    const offerer = guestOffers ? other : weir, answerer = guestOffers ? weir : other;
    if (media && guestOffers) other.send({ media: true });
    if (media && !guestOffers) for (const kind of ['audio', 'video']) weir.send({ add: kind });
    if (media && !guestOffers) other.send({ media: true });
    offerer.send({ open: 'first' });
    offerer.send({ offer: true });
    await offerer.wait('that its channel is open', line => line.event === 'open');
    await weir.wait('connected', line => line.state === 'connected');
    if (!guestOffers) {
      weir.send({ send: 'hi' });
      await other.wait('a text of ours', line => line.event === 'message' && line.text === 'hi');
    }
    // There and back, by weir's echo: text, nothing but a byte, and as much as the guest takes.
    other.send({ send: 'hello' });
    await other.wait('the echo of a text', line => line.event === 'message' && line.text === 'echo:hello');
    for (const n of [1, 1200, 4000, 16384, guest.most]) {
      other.send({ send: n });
      await other.wait(`the echo of ${n} bytes`, line => line.event === 'message' && line.bytes === n && line.good);
    }
    if (media) {
      for (const kind of ['audio', 'video']) await other.wait(`twenty packets of ${kind}`, line => line.packets >= 5 && line.kind === kind, 25000);
    }
    // The second time: whoever offered offers again, and the guest as well.
    for (const again of [offerer, answerer]) {
      const from = again.lines.length, heard = (again === weir ? other : weir).lines.length;
      again.send({ open: `by ${again === weir ? 'weir' : 'the guest'}` });
      again.send({ offer: true });
      await (again === weir ? other : weir).wait('an answer to the second offer', line => line.type === 'answer', 15000, heard);
      await again.wait('that its second channel is open', line => line.event === 'open', 15000, from);
    }
    other.send({ send: 'still here' });
    await other.wait('an echo after the second offer', line => line.event === 'message' && line.text === 'echo:still here');
    other.send({ bye: true });
    await weir.wait('that the other side has gone', line => line.state === 'closed' || line.state === 'disconnected' || line.data === 'closed' || line.event === 'close', 15000);
    if (process.env.SHOW) for (const line of weir.lines) console.log(JSON.stringify(line));
    const error = weir.lines.find(line => line.error);
    if (error) throw new Error(`weir-peer said ${JSON.stringify(error)}`);
  } catch (e) {
    if (process.env.SHOW) for (const line of weir.lines) console.log('#', JSON.stringify(line).slice(0, 1500));
    throw e;
  } finally {
    weir.child.kill('SIGKILL');
    other.child.kill('SIGKILL');
  }
}

// A section stops and another takes its place, three times over, as one of the two says; each time a new channel opens
// and echoes, since a new transport may have ended the others.
async function rounds(guest, { guestOffers, which }) {
  const weir = new Speaker('weir-peer', `${build}/bin/weir-peer`, ['--bind', '10.77.0.1']);
  const other = new Speaker('the guest', guest.command[0], guest.command.slice(1));
  const offerer = guestOffers ? other : weir, answerer = guestOffers ? weir : other;
  const negotiate = async label => {
    const heard = answerer.lines.length, from = other.lines.length;
    if (label === 'first') other.send({ open: label });
    offerer.send({ offer: true });
    await answerer.wait('an answer to an offer', line => line.type === 'answer', 15000, heard);
    if (label !== 'first') other.send({ open: label });
    await other.wait(`that ${label} is open`, line => line.channel === label && line.event === 'open', 15000, from);
    other.send({ send: 'still here', on: label });
    await other.wait(`an echo on ${label}`, line => line.channel === label && line.text === 'echo:still here', 15000, from);
  };
  try {
    join(weir, other);
    other.send({ media: true });
    if (!guestOffers) for (const kind of ['audio', 'video']) weir.send({ add: kind });
    await negotiate('first');
    for (let round = 0; round < 3; round++) {
      offerer.send(guestOffers ? { stop: which } : { remove: which });
      await negotiate(`after stop ${round}`);
      offerer.send({ add: which === 0 ? 'audio' : 'video' });
      await negotiate(`after use ${round}`);
    }
    const error = [...weir.lines, ...other.lines].find(line => line.error);
    if (error) throw new Error(`said ${JSON.stringify(error)}`);
  } finally {
    if (process.env.SHOW) for (const line of weir.lines) console.log('#', JSON.stringify(line));
    weir.child.kill('SIGKILL');
    other.child.kill('SIGKILL');
  }
}

async function run(title, body) {
  if (!words.every(word => title.includes(word))) return;
  const begin = Date.now();
  try {
    await body();
    console.log(`ok ${++number} - ${title} (${Date.now() - begin} ms)`);
  } catch (e) {
    failures++;
    console.log(`not ok ${++number} - ${title}: ${e.message}`);
  }
}

let number = 0, failures = 0;
for (const [name, guest] of Object.entries(guests)) {
  for (const media of [false, true]) {
    for (const guestOffers of [true, false]) {
      for (const trickle of [false, true]) {
        const title = `${name}: ${media ? 'data and media' : 'data alone'}, ${guestOffers ? 'it offers' : 'weir offers'}${trickle ? ', trickle' : ''}`;
        await run(title, () => scene(guest, { guestOffers, trickle, media }));
      }
    }
  }
}
for (const guestOffers of [true, false]) {
  for (const which of [0, 1]) {
    await run(`libwebrtc: ${guestOffers ? 'it' : 'weir'} stops section ${which} and uses it again, three rounds`,
      () => rounds(guests.libwebrtc, { guestOffers, which }));
  }
}
console.log(`# ${number - failures} passed, ${failures} failed`);
process.exit(failures === 0 && number > 0 ? 0 : 1);
