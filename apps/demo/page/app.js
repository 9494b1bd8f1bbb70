// One peer connection to the server behind this page: a data channel, and a camera or a drawn picture. When the
// server goes away the page says so and tries again.
'use strict';
let pc = null, channel = null, socket = null, stream = null;
let attempts = 0, waiting = []; // candidates that came before the answer
window.weir = { stats: null, echoed: 0, rtts: [], frames: 0, log: [] };

const tell = message => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

function setState(text) {
  $('state').textContent = text;
  $('state').className = `pill ${text.split(' ').pop()}`;
  const isOpen = channel?.readyState === 'open';
  for (const id of ['text', 'burst']) $(id).disabled = !isOpen;
  $('chat').querySelector('button').disabled = !isOpen;
}

function log(text) {
  window.weir.log.push({ at: performance.now(), text });
  const line = document.createElement('li');
  line.textContent = text;
  $('log').prepend(line);
  while ($('log').childElementCount > 50) $('log').lastChild.remove();
}

function notice(text) {
  $('notice').textContent = text;
  $('notice').hidden = text === '';
}

// -- Pictures --

// Where there is no camera, or no permission for it: a moving drawing and a quiet tone.
function drawnStream() {
  const canvas = document.createElement('canvas');
  canvas.width = 320; canvas.height = 240;
  const g = canvas.getContext('2d');
  const begin = performance.now();
  const draw = () => {
    const t = (performance.now() - begin) / 1000;
    g.fillStyle = '#0b3a53'; g.fillRect(0, 0, 320, 240);
    for (let i = 0; i < 24; i++) {
      g.fillStyle = `hsl(${195 + 25 * Math.sin(i + t)} 70% ${35 + i}%)`;
      g.fillRect(i * 14, 140 + 30 * Math.sin(t * 2 + i / 3), 13, 100);
    }
    g.fillStyle = '#fff'; g.font = '28px system-ui';
    g.fillText(t.toFixed(1) + ' s', 20, 50);
  };
  draw();
  setInterval(draw, 40);
  const drawn = canvas.captureStream(25);
  try {
    const audio = new AudioContext(), tone = audio.createOscillator(), gain = audio.createGain(), out = audio.createMediaStreamDestination();
    gain.gain.value = 0.02;
    tone.connect(gain).connect(out);
    tone.start();
    drawn.addTrack(out.stream.getAudioTracks()[0]);
  } catch { /* a page without sound is fine */ }
  return drawn;
}

async function openStream() {
  const wantsDrawing = new URLSearchParams(location.search).has('drawn');
  if (!wantsDrawing && navigator.mediaDevices) {
    try {
      const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });
      $('source').textContent = 'camera';
      return camera;
    } catch (e) { log(`no camera (${e.name}): sending a drawing instead`); }
  } else if (!wantsDrawing && !isSecureContext) {
    log('no camera: browsers give it only to https and localhost; start the demo with --https. Sending a drawing instead');
  }
  $('source').textContent = 'drawn';
  return drawnStream();
}

// -- Connection --

function openPeer() {
  pc = new RTCPeerConnection();
  channel = pc.createDataChannel('echo');
  waiting = [];
  Object.assign(window.weir, { pc, channel });
  listen(channel);
  const echoed = new MediaStream();
  $('remote').srcObject = echoed;
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
  pc.ontrack = e => echoed.addTrack(e.track);
  const own = pc;
  pc.onconnectionstatechange = () => {
    if (own !== pc) return;
    setState(pc.connectionState);
    if (pc.connectionState === 'connected') { attempts = 0; notice(''); }
    if (pc.connectionState === 'failed') socket.close();
  };
  pc.onicecandidate = e => tell({ type: 'candidate', candidate: e.candidate ? e.candidate.candidate : '' });
}

async function connect() {
  stream ||= await openStream();
  $('local').srcObject = stream;
  openPeer();
  await pc.setLocalDescription();
  $('offer').textContent = pc.localDescription.sdp;
  tell({ type: 'offer', sdp: pc.localDescription.sdp });
}

async function onMessage(message) {
  if (message.type === 'answer') {
    $('answer').textContent = message.sdp;
    await pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
    for (const candidate of waiting.splice(0)) await pc.addIceCandidate(candidate);
  } else if (message.type === 'candidate') {
    const candidate = { candidate: message.candidate, sdpMLineIndex: 0 };
    if (pc.remoteDescription) await pc.addIceCandidate(candidate); else waiting.push(candidate);
  } else if (message.type === 'stats') {
    window.weir.stats = message;
    showStats(message);
  } else if (message.type === 'full' || message.type === 'error') {
    log(message.text);
    notice(message.text);
  }
}

// The first attempts follow soon, later ones after half a minute; the page in front tries again at once.
function tryAgain() {
  const wait = Math.min(30000, 500 * 2 ** attempts++) * (0.5 + Math.random() / 2);
  setTimeout(() => document.hidden ? addEventListener('visibilitychange', open, { once: true }) : open(), wait);
}

function open() {
  setState('connecting');
  const own = socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`, 'weir');
  socket.onopen = () => connect().catch(e => { log(String(e)); setState('failed'); });
  socket.onmessage = e => onMessage(JSON.parse(e.data)).catch(error => log(String(error)));
  socket.onclose = () => {
    if (own !== socket) return;
    pc?.close();
    channel = null;
    setState('server gone');
    fadeStats();
    log('the server went away; trying again');
    if (!$('notice').textContent) notice('The server behind this page does not answer. Trying again.');
    tryAgain();
  };
}

// -- Data channel --

let probeAt = 0, burstLeft = 0;
const flow = { from: 0, to: 0, bytes: 0 }; // echoes that follow each other within a second

function probe() {
  if (channel?.readyState !== 'open') return;
  probeAt = performance.now();
  channel.send(new Uint8Array(8));
}

function pumpBurst() {
  while (burstLeft > 0 && channel?.readyState === 'open' && channel.bufferedAmount < 1 << 20) {
    channel.send(new Uint8Array(65536));
    burstLeft -= 65536;
  }
}

function noteEcho(bytes) {
  const now = performance.now();
  if (now - flow.to > 1000) Object.assign(flow, { from: now, bytes: 0 });
  else flow.bytes += bytes;
  flow.to = now;
  if (flow.bytes > 1 << 20) $('rate').textContent = `${(flow.bytes * 8 / (flow.to - flow.from) / 1000).toFixed(0)} Mbit/s`;
}

function noteRoundTrip() {
  const rtt = performance.now() - probeAt, all = window.weir.rtts;
  all.push(rtt);
  if (all.length > 100) all.shift();
  $('rtt').textContent = `${rtt.toFixed(2)} ms`;
  const high = Math.max(...all, 1);
  $('plot').firstElementChild.setAttribute('points', all.map((v, i) => `${i * 3},${58 - 54 * v / high}`).join(' '));
  setTimeout(probe, 200);
}

function listen(own) {
  own.binaryType = 'arraybuffer';
  own.bufferedAmountLowThreshold = 1 << 18;
  burstLeft = 0;
  own.onopen = () => { log('data channel open'); setState(pc.connectionState); probe(); };
  own.onbufferedamountlow = pumpBurst;
  own.onclose = () => { if (own === channel) { log('data channel closed'); setState('closed'); } };
  own.onmessage = e => {
    window.weir.echoed++;
    $('count').textContent = window.weir.echoed;
    if (typeof e.data === 'string') { log(e.data); return; }
    if (e.data.byteLength === 8) noteRoundTrip(); else noteEcho(e.data.byteLength);
    pumpBurst();
  };
}

$('chat').onsubmit = e => {
  e.preventDefault();
  if (!$('text').value) return;
  if (channel?.readyState !== 'open') { log('not sent: the data channel is not open'); return; }
  channel.send($('text').value);
  $('text').value = '';
};
$('burst').onclick = () => { burstLeft = 16 << 20; pumpBurst(); };
$('dump').onclick = async () => {
  const reports = [];
  (await pc.getStats()).forEach(r => reports.push(r));
  const all = { at: new Date().toISOString(), browser: navigator.userAgent, state: $('state').textContent,
    offer: pc.localDescription?.sdp, answer: pc.remoteDescription?.sdp, weir: window.weir.stats, reports,
    roundTrips: window.weir.rtts, log: window.weir.log };
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(all, null, 1)], { type: 'application/json' }));
  link.download = 'weir.json';
  link.click();
  URL.revokeObjectURL(link.href);
};

// What was decoded of the echo. Firefox counts no frames of a stream in its video element, so ask the
// connection.
let last = { frames: 0, at: 0 };
setInterval(async () => {
  let frames = 0;
  if (!pc || pc.connectionState === 'closed') { $('echoed').textContent = 'echoed by weir'; return; }
  (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp' && s.kind === 'video') frames += s.framesDecoded || 0; });
  const v = $('remote'), now = performance.now();
  const rate = (frames - last.frames) * 1000 / (now - last.at);
  last = { frames, at: now };
  window.weir.frames = frames;
  $('echoed').textContent = frames ? `echoed by weir, ${v.videoWidth}×${v.videoHeight}, ${Math.max(0, rate).toFixed(0)} frames/s` : 'echoed by weir';
}, 1000);

open();
addEventListener('pagehide', () => { socket.onclose = null; pc?.close(); });
