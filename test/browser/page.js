// Runs in the browser: one RTCPeerConnection and what the tests ask of it.
'use strict';
const after = ms => new Promise(resolve => setTimeout(resolve, ms));
const once = (target, type, ms, what) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`no ${what || type} within ${ms} ms`)), ms);
  target.addEventListener(type, resolve, { once: true });
});

window.rig = {
  pc: null, channels: {}, remote: [], candidates: [],

  async begin({ media, channels = [] }) {
    const pc = this.pc = new RTCPeerConnection();
    pc.ontrack = e => this.remote.push(e.track);
    pc.ondatachannel = e => { this.channels[e.channel.label] = e.channel; this.prepare(e.channel); };
    pc.onicecandidate = e => this.candidates.push(e.candidate ? e.candidate.candidate : '');
    for (const { label, options } of channels) {
      this.prepare(this.channels[label] = pc.createDataChannel(label, options));
    }
    if (media) {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
      for (const track of stream.getTracks()) pc.addTrack(track, stream);
    }
  },

  prepare(channel) {
    channel.binaryType = 'arraybuffer';
    channel.inbox = [];
    channel.onmessage = e => { channel.inbox.push(e.data); channel.dispatchEvent(new Event('arrived')); };
    channel.whenOpen = channel.readyState === 'open' ? Promise.resolve() : new Promise(resolve => { channel.onopen = resolve; });
    channel.whenClosed = new Promise(resolve => { channel.onclose = resolve; });
  },

  async gathered() {
    while (this.pc.iceGatheringState !== 'complete') await once(this.pc, 'icegatheringstatechange', 10000);
    return this.pc.localDescription.sdp;
  },

  async offer(trickle) {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    return trickle ? this.pc.localDescription.sdp : this.gathered();
  },

  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    return this.gathered();
  },

  // A section that stops, and one that takes its place [RFC 8829 5.2.2].
  stop(i) { this.pc.getTransceivers()[i].stop(); },
  add(kind) { this.pc.addTransceiver(kind); },
  turn(i, direction) { this.pc.getTransceivers()[i].direction = direction; },
  directions() { return this.pc.getTransceivers().filter(t => !t.stopped).map(t => t.currentDirection); },
  mids() { return this.pc.getTransceivers().map(t => t.mid); },

  // Another connection in place of the one there is, as after a reload; nobody said goodbye.
  async beginAnew(what) {
    this.pc.onicecandidate = this.pc.ontrack = this.pc.ondatachannel = null;
    this.left = [...(this.left || []), this.pc];
    this.channels = {}; this.candidates = []; this.remote = [];
    await this.begin(what);
  },

  restartIce() { this.pc.restartIce(); },

  // An offer that is taken back, ours or the other side's.
  async rollback() { await this.pc.setLocalDescription({ type: 'rollback' }); },
  async takeAndRollback(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    await this.pc.setRemoteDescription({ type: 'rollback' });
  },
  signalling() { return this.pc.signalingState; },
  // What becomes of sections in the end, by mid.
  sections() { return this.pc.getTransceivers().filter(t => t.mid !== null && t.currentDirection !== 'stopped').map(t => `${t.mid} ${t.receiver.track.kind}`).sort(); },

  // A channel that echoes, made now: the ones before may have ended with their association.
  async echoAnew(label) {
    this.prepare(this.channels[label] = this.pc.createDataChannel(label));
    await this.open(label);
    await this.echo(label, 1000, 3);
  },

  accept(sdp) { return this.pc.setRemoteDescription({ type: 'answer', sdp }); },
  addCandidate(candidate) { return this.pc.addIceCandidate({ candidate, sdpMLineIndex: 0 }); },
  takeCandidates() { return this.candidates.splice(0); },

  async connected() {
    const until = Date.now() + 15000;
    while (this.pc.connectionState !== 'connected') {
      if (Date.now() > until || this.pc.connectionState === 'failed') throw new Error(`connection is ${this.pc.connectionState}`);
      await after(20);
    }
  },

  async open(label) {
    const until = Date.now() + 15000;
    while (!this.channels[label]) { if (Date.now() > until) throw new Error(`no channel ${label}`); await after(20); }
    await Promise.race([this.channels[label].whenOpen, after(15000)]);
    if (this.channels[label].readyState !== 'open') throw new Error(`channel ${label} is ${this.channels[label].readyState}`);
  },

  // Send bytes of a size `count` times; every echo must be equal, in any order for unordered channels.
  async echo(label, size, count = 1, lossy = false) {
    const channel = this.channels[label];
    const wanted = new Map();
    channel.inbox = [];
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(size);
      for (let k = 0; k < size; k++) bytes[k] = (k * 31 + i * 7 + (k >> 8)) & 255;
      if (size >= 4) new DataView(bytes.buffer).setUint32(0, i);
      wanted.set(size >= 4 ? i : bytes[0], bytes);
      channel.send(bytes);
    }
    const until = Date.now() + (lossy ? 3000 : 20000);
    let seen = 0, last = Date.now();
    while (seen < count) {
      while (channel.inbox.length) {
        const got = new Uint8Array(channel.inbox.shift());
        const want = wanted.get(size >= 4 ? new DataView(got.buffer).getUint32(0) : got[0]);
        if (!want || want.length !== got.length || !got.every((b, k) => b === want[k])) throw new Error(`echo of ${size} bytes differs`);
        seen++; last = Date.now();
      }
      if (Date.now() > until) {
        if (lossy && seen > 0) break;
        throw new Error(`${seen} of ${count} echoes of ${size} bytes, last ${Date.now() - last} ms ago`);
      }
      if (seen < count) await Promise.race([once(channel, 'arrived', 30000).catch(() => 0), after(200)]);
    }
    return seen;
  },

  async echoText(label, text) {
    const channel = this.channels[label];
    channel.inbox = [];
    channel.send(text);
    const until = Date.now() + 10000;
    while (!channel.inbox.length) { if (Date.now() > until) throw new Error('no echo of text'); await after(5); }
    if (channel.inbox[0] !== `echo:${text}`) throw new Error(`echo of text is ${String(channel.inbox[0]).slice(0, 80)}`);
  },

  // Frames decoded and samples received of what came back.
  async media(ms) {
    const until = Date.now() + ms;
    for (;;) {
      let frames = 0, width = 0, audio = 0, codec = '';
      (await this.pc.getStats()).forEach(s => {
        if (s.type === 'inbound-rtp' && s.kind === 'video') { frames += s.framesDecoded || 0; width = s.frameWidth || width; }
        if (s.type === 'inbound-rtp' && s.kind === 'audio') audio += s.packetsReceived || 0;
        if (s.type === 'codec' && s.mimeType.startsWith('video/')) codec = s.mimeType;
      });
      if (frames >= 30 && audio >= 50) return { frames, width, audio, codec };
      if (Date.now() > until) throw new Error(`only ${frames} video frames decoded and ${audio} audio packets received`);
      await after(100);
    }
  },

  close(label) { this.channels[label].close(); return Promise.race([this.channels[label].whenClosed.then(() => 'closed'), after(5000).then(() => 'still open')]); },
  closed(label) { return Promise.race([this.channels[label].whenClosed.then(() => 'closed'), after(8000).then(() => 'still open')]); },
  // The sizes of all that came.
  received(label) { return this.channels[label].inbox.map(data => data.byteLength ?? data.length); },
  end() { this.pc.close(); },
  stateNow() { return this.pc.connectionState; },
};

// Set-up against the clock: what is sent on each channel as soon as that may be, and when what came came.
window.rounds = {
  moments: {}, bytes: 0,

  now() { return performance.timeOrigin + performance.now(); },

  watch(channel) {
    rig.channels[channel.label] = channel;
    rig.prepare(channel);
    const open = () => { this.moments.open ??= this.now(); channel.send('b'.repeat(this.bytes)); };
    if (channel.readyState === 'open') open(); else channel.addEventListener('open', open);
    channel.addEventListener('message', () => { this.moments.message ??= this.now(); });
  },

  // `own`: null, or the channel that this side makes.
  begin(own, bytes) {
    this.bytes = bytes;
    const pc = rig.pc = new RTCPeerConnection();
    pc.onicecandidate = e => rig.candidates.push(e.candidate ? e.candidate.candidate : '');
    pc.ondatachannel = e => this.watch(e.channel);
    if (own) this.watch(pc.createDataChannel('first', own));
  },

  // With its first candidate: it is the only one that counts here, and browsers say much later that there are
  // no more.
  async described() {
    while (!rig.pc.localDescription.sdp.includes('a=candidate:')) await once(rig.pc, 'icecandidate', 10000);
    return rig.pc.localDescription.sdp;
  },

  async offer() {
    if (!Object.keys(rig.channels).length) rig.pc.createDataChannel('unused');
    await rig.pc.setLocalDescription(await rig.pc.createOffer());
    return this.described();
  },

  async answer(sdp, trickle) {
    const pc = rig.pc;
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    return trickle ? pc.localDescription.sdp : this.described();
  },
};
