// One peer connection to the server behind this page: a data channel, a camera (or a drawn picture), and a
// panel that shows what the server's protocols say of themselves.
'use strict';
const $ = id => document.getElementById(id);
const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`, 'weir');
const pc = new RTCPeerConnection();
const channel = pc.createDataChannel('echo');
const waiting = []; // candidates that came before the answer
window.weir = { pc, channel, stats: null, echoed: 0, rtts: [] };

const tell = message => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

function setState(text) {
  $('state').textContent = text;
  $('state').className = `pill ${text}`;
}

function log(text) {
  const line = document.createElement('li');
  line.textContent = text;
  $('log').prepend(line);
  while ($('log').childElementCount > 50) $('log').lastChild.remove();
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
  const stream = canvas.captureStream(25);
  try {
    const audio = new AudioContext(), tone = audio.createOscillator(), gain = audio.createGain(), out = audio.createMediaStreamDestination();
    gain.gain.value = 0.02;
    tone.connect(gain).connect(out);
    tone.start();
    stream.addTrack(out.stream.getAudioTracks()[0]);
  } catch { /* a page without sound is fine */ }
  return stream;
}

async function openStream() {
  if (!new URLSearchParams(location.search).has('drawn') && navigator.mediaDevices) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });
      $('source').textContent = 'camera';
      return stream;
    } catch (e) { log(`no camera (${e.name}): sending a drawing instead`); }
  }
  $('source').textContent = 'drawn';
  return drawnStream();
}

// -- Connection --

async function connect() {
  const stream = await openStream();
  $('local').srcObject = stream;
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
  const echoed = new MediaStream();
  $('remote').srcObject = echoed;
  pc.ontrack = e => echoed.addTrack(e.track);
  pc.onconnectionstatechange = () => setState(pc.connectionState);
  pc.onicecandidate = e => tell({ type: 'candidate', candidate: e.candidate ? e.candidate.candidate : '' });
  await pc.setLocalDescription();
  tell({ type: 'offer', sdp: pc.localDescription.sdp });
}

async function onMessage(message) {
  if (message.type === 'answer') {
    await pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
    for (const candidate of waiting.splice(0)) await pc.addIceCandidate(candidate);
  } else if (message.type === 'candidate') {
    const candidate = { candidate: message.candidate, sdpMLineIndex: 0 };
    if (pc.remoteDescription) await pc.addIceCandidate(candidate); else waiting.push(candidate);
  } else if (message.type === 'stats') {
    window.weir.stats = message;
    show(message);
  } else if (message.type === 'error') {
    log(message.text);
  }
}

// -- Data channel --

let probeAt = 0, bytesEchoed = 0, bytesBefore = 0, burstLeft = 0;
channel.binaryType = 'arraybuffer';
channel.bufferedAmountLowThreshold = 1 << 18;

function probe() {
  if (channel.readyState !== 'open') return;
  probeAt = performance.now();
  channel.send(new Uint8Array(8));
}

function pumpBurst() {
  while (burstLeft > 0 && channel.bufferedAmount < 1 << 20) {
    channel.send(new Uint8Array(65536));
    burstLeft -= 65536;
  }
}

channel.onopen = () => { log('data channel open'); probe(); };
channel.onbufferedamountlow = pumpBurst;
channel.onclose = () => { log('data channel closed'); setState('closed'); };
channel.onmessage = e => {
  window.weir.echoed++;
  $('count').textContent = window.weir.echoed;
  if (typeof e.data === 'string') { log(e.data); return; }
  bytesEchoed += e.data.byteLength;
  if (e.data.byteLength === 8) {
    const rtt = performance.now() - probeAt;
    window.weir.rtts.push(rtt);
    if (window.weir.rtts.length > 100) window.weir.rtts.shift();
    $('rtt').textContent = `${rtt.toFixed(2)} ms`;
    const high = Math.max(...window.weir.rtts, 1);
    $('plot').firstElementChild.setAttribute('points', window.weir.rtts.map((v, i) => `${i * 3},${58 - 54 * v / high}`).join(' '));
    setTimeout(probe, 200);
  }
  pumpBurst();
};
setInterval(() => {
  const rate = (bytesEchoed - bytesBefore) * 8 / 1e6;
  bytesBefore = bytesEchoed;
  $('rate').textContent = rate < 0.01 ? '–' : `${rate.toFixed(1)} Mbit/s`;
}, 1000);
$('chat').onsubmit = e => {
  e.preventDefault();
  if (channel.readyState === 'open' && $('text').value) { channel.send($('text').value); $('text').value = ''; }
};
$('burst').onclick = () => { burstLeft = 16 << 20; pumpBurst(); };

// -- Panel --

const milliseconds = us => us ? `${(us / 1000).toFixed(2)} ms` : '–';

function fill(table, rows, head) {
  table.replaceChildren(...(head ? [head] : []).concat(rows).map((cells, i) => {
    const row = document.createElement('tr');
    if (cells.selected) row.className = 'selected';
    for (const text of cells.cells || cells) {
      const cell = document.createElement(head && i === 0 ? 'th' : 'td');
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
}

function show(s) {
  const d = s.dtls, c = s.sctp;
  const rows = [
    ['ICE', s.ice.state],
    ['DTLS', [d.state, d.version, d.suite, d.group, d.role].filter(Boolean).join(', ')],
    ['SRTP', d.srtp],
    ['SCTP', c.state || '–'],
  ];
  if (c.state) {
    rows.push(['SCTP round trip', milliseconds(c.srtt_us)], ['congestion window', `${c.cwnd} B, ${c.flight} in flight`],
      ['peer window', `${c.peer_window} B`], ['sent again', c.retransmitted], ['channels', c.channels.map(x => x.label).join(', ')]);
  }
  for (const m of s.media) {
    rows.push([`${m.kind} ${m.codec}`, `${m.rx_packets} in, ${m.tx_packets} out, ${m.lost || 0} lost, jitter ${milliseconds(m.jitter_us)}`]);
  }
  if (s.rtcp_rtt_us) rows.push(['RTCP round trip', milliseconds(s.rtcp_rtt_us)]);
  fill($('protocols'), rows);
  fill($('pairs'), s.ice.pairs.map(p => ({ selected: p.selected, cells: [p.local, p.remote, p.state, milliseconds(p.rtt_us)] })),
    ['weir', 'browser', 'state', 'round trip']);
  fill($('stages'), s.stages.map(x => [x.name, x.packets, x.batches, x.ns_per_packet.toFixed(0)]), ['stage', 'packets', 'batches', 'ns each']);
  const drops = Object.entries(s.drops);
  fill($('drops'), drops.length ? drops : [['none', '']]);
  $('pump').textContent = `${s.pump}, ${s.peers} connected, ${s.pool_free} of ${s.pool_count} buffers free`;
}

// What was decoded of the echo. Firefox counts no frames of a stream in its video element, so ask the
// connection.
let last = { frames: 0, at: 0 };
setInterval(async () => {
  let frames = 0;
  (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp' && s.kind === 'video') frames += s.framesDecoded || 0; });
  const v = $('remote'), now = performance.now();
  const rate = (frames - last.frames) * 1000 / (now - last.at);
  last = { frames, at: now };
  window.weir.frames = frames;
  $('echoed').textContent = frames ? `echoed by weir, ${v.videoWidth}×${v.videoHeight}, ${Math.max(0, rate).toFixed(0)} frames/s` : 'echoed by weir';
}, 1000);

setState('connecting');
socket.onopen = () => connect().catch(e => { log(String(e)); setState('failed'); });
socket.onmessage = e => onMessage(JSON.parse(e.data)).catch(error => log(String(error)));
socket.onclose = () => log('the server went away; reload to try again');
addEventListener('pagehide', () => pc.close());
