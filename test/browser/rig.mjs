// Browser tests: every browser, each as offerer and as answerer, against one weir-peer each.
import { readFileSync } from 'node:fs';
import { Peer } from './peer.mjs';
import { openChromium, openFirefox, servePage } from './browsers.mjs';
import { tryDemo, tryDemoGone, trySeveral } from './demo.mjs';
import { setUp } from './rounds.mjs';

const words = process.argv.slice(2);
let number = 0, failures = 0;

const script = readFileSync(new URL('page.js', import.meta.url));
const { server, url } = await servePage(script);

// One connection: a fresh page and a fresh weir-peer, described to each other.
class Pair {
  static async open(browser, role, { media = false, channels = [{ label: 'data', options: {} }], options = [], trickle = false } = {}) {
    const pair = new Pair();
    pair.page = await browser.newPage();
    await pair.page.goto(url);
    const flags = [...options, ...(media ? [] : ['--data-only']), ...(trickle ? ['--trickle'] : [])];
    if (role === 'browser offers') {
      pair.peer = new Peer(...flags);
      await pair.call('begin', { media, channels });
      const sdp = await pair.call('offer', trickle);
      pair.peer.send({ type: 'offer', sdp });
      const answer = await pair.peer.wait('an answer', line => line.type === 'answer' || line.error);
      if (answer.error) throw new Error(answer.error);
      await pair.call('accept', answer.sdp);
    } else {
      pair.peer = new Peer('--offer', ...flags);
      const offer = await pair.peer.wait('an offer', line => line.type === 'offer' || line.error);
      if (offer.error) throw new Error(offer.error);
      await pair.call('begin', { media, channels: [] });
      pair.peer.send({ type: 'answer', sdp: await pair.call('answer', offer.sdp) });
    }
    if (trickle) pair.trickle();
    await pair.call('connected');
    await pair.peer.state('connected');
    return pair;
  }

  // As text, because the two drivers differ in how many arguments they pass.
  call(name, ...args) {
    return this.page.evaluate(`window.rig[${JSON.stringify(name)}](...${JSON.stringify(args)})`);
  }

  // Candidates both ways as they come.
  trickle() {
    let taken = 0;
    this.timer = setInterval(async () => {
      for (; taken < this.peer.lines.length; taken++) {
        const line = this.peer.lines[taken];
        if (line.type === 'candidate' && line.candidate) await this.call('addCandidate', line.candidate).catch(() => 0);
      }
      for (const candidate of await this.call('takeCandidates').catch(() => [])) this.peer.send({ type: 'candidate', candidate });
    }, 20);
  }

  async close() {
    clearInterval(this.timer);
    await this.page.close().catch(() => 0);
    await this.peer.bye();
  }
}

async function test(name, body) {
  if (!words.every(word => name.includes(word))) return;
  const n = ++number, begin = Date.now();
  try {
    const note = await body();
    console.log(`ok ${n} - ${name} (${Date.now() - begin} ms${note ? `, ${note}` : ''})`);
  } catch (e) {
    failures++;
    console.log(`not ok ${n} - ${name} (${Date.now() - begin} ms)\n#   ${String(e.stack || e).split('\n').slice(0, 4).join('\n#   ')}`);
  }
}

// Open a pair, use it, close it properly whatever happens.
async function withPair(browser, role, config, use) {
  const pair = await Pair.open(browser, role, config);
  try {
    return await use(pair);
  } finally {
    if (!pair.isGone) await pair.close();
  }
}

const channelKinds = [
  { label: 'ordered', options: {} },
  { label: 'unordered', options: { ordered: false } },
  { label: 'no retransmits', options: { ordered: false, maxRetransmits: 0 } },
  { label: 'lifetime', options: { maxPacketLifeTime: 500 } },
];

async function testData(browser) {
  await test(`${browser.name}, browser offers: four kinds of channels echo 1 B to 256 KiB`, () =>
    withPair(browser, 'browser offers', { channels: channelKinds }, async pair => {
      for (const { label } of channelKinds) {
        await pair.call('open', label);
        const lossy = label === 'no retransmits';
        for (const size of [1, 1024, 65536, 262144]) await pair.call('echo', label, size, size > 100000 ? 3 : size === 1 ? 1 : 20, lossy);
        await pair.call('echoText', label, 'grüße \u{1F30A}');
        await pair.call('echoText', label, '');
      }
      const stats = await pair.peer.stats();
      if (stats.dropped_class || stats.dropped_srtp) throw new Error(JSON.stringify(stats));
    }));
  await test(`${browser.name}, weir offers: its channel echoes 1 B to 256 KiB`, () =>
    withPair(browser, 'weir offers', {}, async pair => {
      await pair.call('open', 'weir');
      for (const size of [1, 1024, 65536, 262144]) await pair.call('echo', 'weir', size, size > 100000 ? 3 : size === 1 ? 1 : 20);
      await pair.call('echoText', 'weir', 'hello');
      pair.peer.send({ send: 'from weir' });
      await pair.call('echoText', 'weir', 'again').catch(e => { if (!String(e).includes('from weir')) throw e; });
    }));
  for (const role of ['browser offers', 'weir offers']) {
    await test(`${browser.name}, ${role}: the browser closes a channel`, () =>
      withPair(browser, role, {}, async pair => {
        const label = role === 'browser offers' ? 'data' : 'weir';
        await pair.call('open', label);
        const how = await pair.call('close', label);
        if (how !== 'closed') throw new Error(`channel is ${how}`);
        await pair.peer.wait('channel close', line => line.event === 'close');
      }));
    await test(`${browser.name}, ${role}: the browser closes the connection`, () =>
      withPair(browser, role, {}, async pair => {
        await pair.call('open', role === 'browser offers' ? 'data' : 'weir');
        await pair.call('end');
        await pair.peer.state('closed', 3000);
        const code = await pair.peer.exited;
        pair.isGone = true;
        await pair.page.close();
        if (code !== 0) throw new Error(`exit ${code}`);
      }));
    await test(`${browser.name}, ${role}: the page closes`, () =>
      withPair(browser, role, {}, async pair => {
        await pair.call('open', role === 'browser offers' ? 'data' : 'weir');
        await pair.page.close();
        // A closed page may say so, or fall silent: then consent runs out.
        await pair.peer.wait('an end', line => line.state === 'closed' || line.state === 'disconnected' || line.state === 'failed', 35000);
        pair.peer.kill();
        pair.isGone = true;
      }));
    await test(`${browser.name}, ${role}: weir closes, the browser's channel ends`, () =>
      withPair(browser, role, {}, async pair => {
        const label = role === 'browser offers' ? 'data' : 'weir';
        await pair.call('open', label);
        const closed = pair.call('closed', label);
        await pair.peer.bye();
        pair.isGone = true;
        const how = await closed;
        await pair.page.close();
        if (how !== 'closed') throw new Error(`channel is ${how}`);
      }));
    await test(`${browser.name}, ${role}: weir closes gracefully, the browser has all that was sent`, () =>
      withPair(browser, role, {}, async pair => {
        const label = role === 'browser offers' ? 'data' : 'weir', count = 40, begin = Date.now();
        await pair.call('open', label);
        const closed = pair.call('closed', label);
        for (let i = 0; i < count; i++) pair.peer.send({ send: 65536 });
        pair.peer.send({ bye: true, within: 20 });
        pair.peer.send({ send: 'too late' });
        const code = await pair.peer.exited;
        pair.isGone = true;
        const how = await closed, got = await pair.call('received', label);
        await pair.page.close();
        const said = pair.peer.lines, taken = count - said.filter(line => line.refused === 'full').length;
        if (code !== 0 || how !== 'closed') throw new Error(`exit ${code}, channel is ${how}`);
        if (taken < 5 || got.length !== taken || got.some(size => size !== 65536)) throw new Error(`the browser has ${got}`);
        if (!said.some(line => line.refused === 'state')) throw new Error('a late message was taken');
        if (!said.some(line => line.data === 'closed' && line.reason === 'shutdown')) throw new Error(JSON.stringify(said.slice(-5)));
        if (said.at(-1).state !== 'closed' || Date.now() - begin > 15000) throw new Error(JSON.stringify(said.slice(-5)));
      }));
  }
  await test(`${browser.name}, browser offers: as DTLS server`, () =>
    withPair(browser, 'browser offers', { options: ['--setup', 'passive'] }, async pair => {
      await pair.call('open', 'data');
      await pair.call('echo', 'data', 1000, 5);
    }));
  await test(`${browser.name}, browser offers: candidates trickle`, () =>
    withPair(browser, 'browser offers', { trickle: true }, async pair => {
      await pair.call('open', 'data');
      await pair.call('echo', 'data', 1000, 5);
    }));
  await test(`${browser.name}, browser offers: on epoll`, () =>
    withPair(browser, 'browser offers', { options: ['--pump', 'epoll'] }, async pair => {
      await pair.call('open', 'data');
      await pair.call('echo', 'data', 65536, 20);
    }));
}

// As an ICE lite agent weir asks nothing: the browser's checks alone find the path and keep it.
async function testLite(browser, name = browser.name) {
  for (const [role, options] of [['browser offers', []], ['browser offers', ['--setup', 'passive']], ['weir offers', []]]) {
    await test(`${name}, ${role}: weir is ICE lite${options.length ? ' and DTLS server' : ''}`, () =>
      withPair(browser, role, { options: ['--ice-lite', ...options] }, async pair => {
        const label = role === 'browser offers' ? 'data' : 'weir';
        await pair.call('open', label);
        for (const size of [1, 65536]) await pair.call('echo', label, size, 5);
        const stats = await pair.peer.stats();
        return `sped ${stats.sped}, dtls ${stats.dtls_ms} ms, channel ${stats.channel_ms} ms`;
      }));
  }
}

async function testMedia(browser) {
  for (const role of ['browser offers', 'weir offers']) {
    await test(`${browser.name}, ${role}: audio and video come back and are decoded`, () =>
      withPair(browser, role, { media: true }, async pair => {
        const m = await pair.call('media', 20000);
        await pair.call('open', role === 'browser offers' ? 'data' : 'weir');
        await pair.call('echo', role === 'browser offers' ? 'data' : 'weir', 1024, 10);
        return `${m.codec}, ${m.frames} frames ${m.width} wide, ${m.audio} audio packets`;
      }));
  }
}

// Again and again: the browser or weir offers anew each time. A first section that stops is a new association in
// Chromium, and so is one that takes its place; in Firefox a new DTLS association under the same SCTP.
async function offerAnew(pair, role, how = {}) {
  const from = pair.peer.lines.length;
  const heard = (what, test) => pair.peer.wait(what, line => test(line) || line.error, 10000, from);
  if (role === 'browser offers') {
    pair.peer.send({ type: 'offer', sdp: await pair.call('offer') });
    await pair.call('accept', (await heard('an answer', line => line.type === 'answer')).sdp);
  } else {
    pair.peer.send({ offer: true, ...how });
    const answer = await pair.call('answer', (await heard('an offer', line => line.type === 'offer')).sdp);
    pair.peer.send({ type: 'answer', sdp: answer });
  }
  const error = pair.peer.lines.slice(from).find(line => line.error);
  if (error) throw new Error(error.error);
}

async function testSections(browser) {
  const roles = ['browser offers', 'weir offers'];
  for (const [role, by] of [[0, 0], [1, 1], [0, 1], [1, 0]].map(both => both.map(i => roles[i]))) {
    const weir = by === 'weir offers', who = role === by ? role : `${role}, then ${by}`;
    for (const which of [0, 1]) {
      await test(`${browser.name}, ${who}: section ${which} of a call stops, is used again, stops again, and data goes on`, () =>
        withPair(browser, role, { media: true }, async pair => {
          for (let round = 0; round < 3; round++) {
            if (weir) pair.peer.send({ remove: which });
            else await pair.call('stop', which === 0 ? 0 : (await pair.call('mids')).length - 1);
            await offerAnew(pair, by);
            await pair.call('echoAnew', `after stop ${round}`);
            if (weir) pair.peer.send({ add: which === 0 ? 'audio' : 'video' });
            else await pair.call('add', 'audio');
            await offerAnew(pair, by);
            await pair.call('connected');
            await pair.call('echoAnew', `after use ${round}`);
          }
          return 'three rounds';
        }));
    }
    await test(`${browser.name}, ${who}: a section goes through all directions and back`, () =>
      withPair(browser, role, { media: true }, async pair => {
        const turned = { sendonly: 'recvonly', recvonly: 'sendonly' };
        for (let round = 0; round < 3; round++) {
          for (const direction of ['sendonly', 'inactive', 'recvonly', 'inactive', 'sendrecv']) {
            if (weir) pair.peer.send({ media: 1, direction });
            else await pair.call('turn', 1, direction);
            await offerAnew(pair, by);
            const got = await pair.call('directions'), want = weir ? turned[direction] || direction : direction;
            if (got[1] !== want) throw new Error(`${direction} became ${got[1]}`);
          }
        }
        return JSON.stringify(await pair.call('media', 15000));
      }));
  }
}

async function testAgain(browser) {
  for (const role of ['browser offers', 'weir offers']) {
    const weir = role === 'weir offers', label = weir ? 'weir' : 'data';
    await test(`${browser.name}, ${role}: ICE restarts, and the other side restarts it, three times over`, () =>
      withPair(browser, role, { media: true }, async pair => {
        await pair.call('open', label);
        for (let round = 0; round < 6; round++) {
          const by = round % 2 === 0 ? role : weir ? 'browser offers' : 'weir offers';
          if (by === 'browser offers') await pair.call('restartIce');
          await offerAnew(pair, by, by === 'weir offers' ? { restart: true } : {});
          // Firefox that restarts before the restart before is done sends nothing any more.
          await new Promise(done => setTimeout(done, 300));
          await pair.call('echo', label, 1000, 3);
          await pair.call('connected');
        }
        return JSON.stringify(await pair.call('media', 15000));
      }));
    await test(`${browser.name}, ${role}: the page comes back as another, three times over`, () =>
      withPair(browser, role, { media: true }, async pair => {
        for (let round = 0; round < 3; round++) {
          await pair.call('beginAnew', { media: true, channels: weir ? [] : [{ label: 'data', options: {} }] });
          await offerAnew(pair, role);
          await pair.call('connected');
          if (weir) await pair.call('echoAnew', 'anew');
          else { await pair.call('open', 'data'); await pair.call('echo', 'data', 1000, 3); }
        }
        return JSON.stringify(await pair.call('media', 15000));
      }));
    await test(`${browser.name}, ${role}: twenty sections more, one after the other`, () =>
      withPair(browser, role, { media: true }, async pair => {
        for (let i = 0; i < 20; i++) {
          const kind = i % 2 ? 'audio' : 'video';
          if (weir) pair.peer.send({ add: kind });
          else await pair.call('add', kind);
          if (i % 4 === 3) await offerAnew(pair, role);
        }
        await pair.call('echoAnew', 'after');
        if ((await pair.call('directions')).length !== 22) throw new Error(JSON.stringify(await pair.call('directions')));
        return JSON.stringify(await pair.call('media', 15000));
      }));
  }
}

// Both offer at once, and one of them gives way: the polite one. What it had to offer comes with its next offer.
async function meet(pair, isWeirPolite, how, isExplicit) {
  const from = pair.peer.lines.length;
  const heard = (what, test, at = from) => pair.peer.wait(what, test, 10000, at);
  pair.peer.send({ polite: isWeirPolite });
  pair.peer.send({ offer: true, ...how });
  const theirs = await pair.call('offer'), ours = (await heard('an offer', line => line.type === 'offer')).sdp;
  pair.peer.send({ type: 'offer', sdp: theirs });
  if (isWeirPolite) {
    await pair.call('accept', (await heard('an answer', line => line.type === 'answer')).sdp);
    await offerAnew(pair, 'weir offers');
  } else {
    await heard('a refusal', line => line.error);
    if (isExplicit) await pair.call('rollback');
    pair.peer.send({ type: 'answer', sdp: await pair.call('answer', ours) });
    await offerAnew(pair, 'browser offers');
  }
}

// Firefox that once took back an offer of its own refuses every offer that restarts ICE, Firefox's as well.
const refusesRestarts = browser => browser.name === 'firefox';

async function testGlare(browser) {
  for (const role of ['browser offers', 'weir offers']) {
    for (const polite of ['weir', 'the browser']) {
      await test(`${browser.name}, ${role}, then both at once: ${polite} gives way, six times over`, () =>
        withPair(browser, role, { media: true }, async pair => {
          for (let round = 0; round < 6; round++) {
            pair.peer.send({ add: round % 2 ? 'audio' : 'video' });
            if (round % 3 !== 1) await pair.call('add', round % 2 ? 'video' : 'audio');
            if (round % 3 === 2) await pair.call('restartIce');
            const restarts = round % 3 === 1 && (polite === 'weir' || !refusesRestarts(browser));
            await meet(pair, polite === 'weir', restarts ? { restart: true } : {}, round % 3 === 1);
            await pair.call('connected');
            await pair.call('echoAnew', `round ${round}`);
            if (await pair.call('signalling') !== 'stable') throw new Error(await pair.call('signalling'));
          }
          // Audio and video of the page, six sections of weir's, four of the page's; some met in one.
          const there = await pair.call('sections'), stats = await pair.peer.stats();
          if (there.length < 8 || there.length > 12) throw new Error(JSON.stringify(there));
          if (stats.state && stats.state !== 'connected') throw new Error(stats.state);
          return `${there.length} sections, ${JSON.stringify(await pair.call('media', 15000))}`;
        }));
    }
    await test(`${browser.name}, ${role}: offers are taken back on both sides, and the call goes on`, () =>
      withPair(browser, role, { media: true }, async pair => {
        const label = role === 'weir offers' ? 'weir' : 'data';
        await pair.call('open', label);
        for (let round = 0; round < 4; round++) {
          const from = pair.peer.lines.length;
          pair.peer.send({ add: 'video' });
          pair.peer.send({ offer: true, restart: round % 2 === 1 && !refusesRestarts(browser) });
          const offer = await pair.peer.wait('an offer', line => line.type === 'offer', 5000, from);
          await pair.call('takeAndRollback', offer.sdp);
          await pair.call('echo', label, 1000, 3);
          pair.peer.send({ rollback: true });
          await pair.peer.wait('a stable state', line => line.signalling === 'stable', 5000, from);
          await pair.call('add', 'audio');
          await pair.call('offer');
          await pair.call('rollback');
          await pair.call('echo', label, 1000, 3);
        }
        await offerAnew(pair, 'weir offers');
        await offerAnew(pair, 'browser offers');
        await pair.call('echo', label, 1000, 3);
        await pair.call('connected');
        return JSON.stringify(await pair.call('media', 15000));
      }));
  }
  // Nothing was ever agreed on: both begin at once.
  for (const polite of ['weir', 'the browser']) {
    await test(`${browser.name}: both begin at once, ${polite} gives way`, async () => {
      const pair = new Pair();
      pair.page = await browser.newPage();
      await pair.page.goto(url);
      pair.peer = new Peer();
      try {
        // Chromium that took back its first offer starts no SCTP any more if that had a channel.
        const labels = polite === 'weir' || browser.name === 'firefox' ? ['data', 'weir'] : ['weir'];
        await pair.call('begin', { media: true, channels: labels.length === 2 ? [{ label: 'data', options: {} }] : [] });
        pair.peer.send({ open: 'weir' });
        pair.peer.send({ add: 'audio' });
        await meet(pair, polite === 'weir', {});
        await pair.call('connected');
        await pair.peer.state('connected');
        for (const label of labels) { await pair.call('open', label); await pair.call('echo', label, 1000, 3); }
        return JSON.stringify(await pair.call('media', 15000));
      } finally {
        await pair.close();
      }
    });
  }
}

// Set-up in fewer round trips, as Chromium does it behind field trials: both sides must have used it.
const shortcuts = [
  { what: 'SNAP', snap: true, trials: ['WebRTC-Sctp-Snap'] },
  { what: 'SPED', sped: true, trials: ['WebRTC-IceHandshakeDtls'] },
  { what: 'SNAP and SPED', snap: true, sped: true, trials: ['WebRTC-Sctp-Snap', 'WebRTC-IceHandshakeDtls'] },
  { what: 'no shortcuts', trials: [] },
];

async function testShortcuts() {
  for (const { what, snap = false, sped = false, trials } of shortcuts) {
    if (!words.every(word => `chromium with ${what}, browser offers: weir offers: DTLS server: trickle: weir is ICE lite`.includes(word))) continue;
    const browser = await openChromium(...trials);
    const ways = [['browser offers', []], ['browser offers', ['--setup', 'passive']], ['browser offers', ['--trickle']], ['weir offers', []]];
    for (const [role, options] of ways) {
      const trickle = options[0] === '--trickle';
      await test(`chromium with ${what}, ${role}${options.length ? `, weir ${trickle ? 'trickles' : 'is DTLS server'}` : ''}`, () =>
        withPair(browser, role, { options: trickle ? [] : options, trickle }, async pair => {
          const label = role === 'browser offers' ? 'data' : 'weir';
          await pair.call('open', label);
          for (const size of [1, 1024, 65536]) await pair.call('echo', label, size, 5);
          await pair.call('echoText', label, 'hello');
          const stats = await pair.peer.stats();
          const used = stats.sped !== 'off' && stats.sped_rx + stats.sped_tx > 0;
          if (stats.snap !== snap || used !== sped) throw new Error(JSON.stringify(stats));
          return `sped ${stats.sped}, ${stats.sped_rx} in, ${stats.sped_tx} out, dtls ${stats.dtls_ms} ms, channel ${stats.channel_ms} ms`;
        }));
    }
    await testLite(browser, `chromium with ${what}`);
    await browser.close();
  }
}

// What browsers speak when they are told to speak less.
const versions = [
  { what: 'chromium without post-quantum', open: () => openChromium('--disable-features=WebRtcPqcForDtls'), version: 'DTLS 1.3' },
  { what: 'firefox without post-quantum', open: () => openFirefox({ 'media.webrtc.enable_pq_hybrid_kex': false }), version: 'DTLS 1.3' },
  { what: 'firefox with DTLS 1.2 alone', open: () => openFirefox({ 'media.peerconnection.dtls.version.max': 771 }), version: 'DTLS 1.2' },
];

async function testVersions() {
  for (const { what, open, version } of versions) {
    if (!words.every(word => `${what}, browser offers: weir offers: DTLS server`.includes(word))) continue;
    const browser = await open();
    for (const [role, options] of [['browser offers', []], ['browser offers', ['--setup', 'passive']], ['weir offers', []]]) {
      await test(`${what}, ${role}${options.length ? ', weir is DTLS server' : ''}`, () => withPair(browser, role, { options }, async pair => {
        const label = role === 'browser offers' ? 'data' : 'weir';
        await pair.call('open', label);
        await pair.call('echo', label, 65536, 5);
        const stats = await pair.peer.stats();
        if (stats.dtls !== version) throw new Error(JSON.stringify(stats));
        return `${stats.dtls}, ${stats.group}`;
      }));
    }
    await browser.close();
  }
}

// Over a path that takes 150 ms each way: how many round trips until a first message is there, as a capture of the
// path has it; and over one that loses every tenth datagram.
const far = { delay: 150 };
const trials = ['WebRTC-Sctp-Snap', 'WebRTC-IceHandshakeDtls'];
const distances = [
  { what: 'chromium with SNAP and SPED', open: () => openChromium(...trials, '--disable-features=WebRtcPqcForDtls'), first: [2, 2] },
  { what: 'chromium with SNAP and SPED and a hybrid share', open: () => openChromium(...trials), first: [2, 2] },
  { what: 'firefox', open: () => openFirefox(), first: [4, 5.5] },
];

async function testDistances() {
  for (const { what, open, first } of distances) {
    if (!words.every(word => `${what}, far away, browser offers: weir offers: first message loss round trips`.includes(word))) continue;
    const browser = await open();
    for (const [i, role] of ['browser offers', 'weir offers'].entries()) {
      await test(`${what}, far away, ${role}: first message after ${first[i]} round trips`, async () => {
        // A busy machine only adds: of three set-ups the fewest count.
        const rounds = async (options, enough) => {
          let fewest = Infinity;
          for (let i = 0; i < 3 && fewest > enough + 0.45; i++) {
            const r = await setUp(browser, url, { ...far, role, options });
            fewest = Math.min(fewest, r.toOfferer / (2 * far.delay), r.toAnswerer / (2 * far.delay));
          }
          return fewest;
        };
        const is = await rounds([], first[i]), without = await rounds(['--no-snap', '--no-sped'], first[i]);
        if (is > first[i] + 0.45) throw new Error(`${is.toFixed(2)} instead of ${first[i]}`);
        if (is > without + 0.3) throw new Error(`${is.toFixed(2)}, and without SNAP and SPED ${without.toFixed(2)}`);
        return `${is.toFixed(2)}, without SNAP and SPED ${without.toFixed(2)}`;
      });
    }
    await test(`${what}, far away, a tenth lost: every set-up succeeds`, async () => {
      const took = [];
      for (let seed = 1; seed <= 6; seed++) {
        const r = await setUp(browser, url, { delay: 50, loss: 0.1, seed, role: seed % 2 ? 'browser offers' : 'weir offers',
          channel: seed % 3 ? 'offerer' : 'negotiated' });
        took.push(Math.round(Math.max(r.toOfferer, r.toAnswerer)));
      }
      return `${took.join(', ')} ms`;
    });
    await browser.close();
  }
}

// Sixty quiet seconds: nothing but consent keeps the connection.
async function testIdle(browsers) {
  const cases = browsers.flatMap(browser => [['browser offers'], ['weir offers'], ['weir offers', '--ice-lite']]
    .map(([role, ...options]) => ({ browser, role, options })));
  await Promise.all(cases.map(({ browser, role, options }) => test(`${browser.name}, ${role}: 60 s idle with consent${options.length ? ', weir is ICE lite' : ''}`, () =>
    withPair(browser, role, { options }, async pair => {
      const label = role === 'browser offers' ? 'data' : 'weir';
      await pair.call('open', label);
      await new Promise(resolve => setTimeout(resolve, 60000));
      const state = await pair.call('stateNow');
      if (state !== 'connected') throw new Error(`the browser says ${state}`);
      if (pair.peer.lines.some(line => ['disconnected', 'failed', 'closed'].includes(line.state))) throw new Error('weir lost the connection');
      await pair.call('echo', label, 1000, 3);
    }))));
}

const wanted = name => !words.length || words.includes(name) || !words.some(w => ['chromium', 'firefox'].includes(w));
const browsers = [];
if (wanted('chromium')) browsers.push(await openChromium());
if (wanted('firefox')) browsers.push(await openFirefox());
for (const browser of browsers) {
  console.log(`# ${browser.name} ${await browser.version()}`);
  await testData(browser);
  await testMedia(browser);
  await testSections(browser);
  await testAgain(browser);
  await testGlare(browser);
  await testLite(browser);
  await test(`${browser.name}: the demo's page connects, echoes and says goodbye`, () => tryDemo(browser, '127.0.0.1:8080'));
  await test(`${browser.name}: several pages of the demo at once, on shards`, () => trySeveral(browser));
  await test(`${browser.name}: the demo's page without its server`, () => tryDemoGone(browser));
}
if (wanted('chromium')) await testShortcuts();
await testVersions();
await testDistances();
await testIdle(browsers);
await Promise.all(browsers.map(browser => browser.close().catch(() => 0)));
server.close();
console.log(`# ${number - failures} passed, ${failures} failed`);
process.exit(failures ? 1 : 0);
