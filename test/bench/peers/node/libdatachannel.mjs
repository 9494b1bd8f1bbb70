// libdatachannel, by its binding for node, node-datachannel: see drive.mjs.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import nd from 'node-datachannel';
import { addressOf, drive } from './drive.mjs';

// One certificate for all connections of a process, as weir has it.
const directory = mkdtempSync(`${tmpdir()}/bench-`);
const certificatePemFile = `${directory}/cert.pem`, keyPemFile = `${directory}/key.pem`;
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
  '-subj', '/CN=bench', '-keyout', keyPemFile, '-out', certificatePemFile], { stdio: 'ignore' });
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

nd.setSctpSettings({ recvBufferSize: 4 << 20, sendBufferSize: 4 << 20, maxChunksOnQueue: 65536 });
nd.preload();

// Set-up is fastest with all candidates in both descriptions, and the caller as DTLS client: else its peer's first
// flight often comes before it is ready, and the next one a second later. But now and then the caller then hears
// checks before it has taken the answer, and fails. Where set-up is not what is measured, the offer names
// no candidates, which is slower and safe.
const isFast = process.argv[2] === 'setup';
const tidy = (sdp, type) => (type !== 'offer' ? sdp
  : isFast ? sdp.replace('a=setup:actpass', 'a=setup:active')
    : sdp.replace(/a=(candidate:.*|end-of-candidates)\r\n/g, ''));

function connect(role, pipe) {
  const pc = new nd.PeerConnection(role, { iceServers: [], bindAddress: addressOf(role), maxMessageSize: 262144,
    certificatePemFile, keyPemFile });
  let isTold = false;
  pc.onGatheringStateChange(state => {
    if (state !== 'complete' || isTold) return; // it may be complete twice
    isTold = true;
    const { sdp, type } = pc.localDescription();
    pipe.signal({ sdp: tidy(sdp, type), type });
  });
  return pc;
}

const listen = (pc, pipe) => pipe.listen(m => pc.setRemoteDescription(m.sdp, m.type));

// A channel hands over what came before anybody listened.
function wrap(channel) {
  let call = null;
  const early = [];
  channel.onMessage(m => { if (call) call(m); else early.push(m); });
  return {
    send: bytes => channel.sendMessageBinary(bytes),
    buffered: () => channel.bufferedAmount(),
    onLow: (low, low_call) => { channel.setBufferedAmountLowThreshold(low); channel.onBufferedAmountLow(low_call); },
    onMessage: c => { call = c; for (const m of early.splice(0)) c(m); },
  };
}

const whenOpen = channel => new Promise(done => {
  const wrapped = wrap(channel);
  if (channel.isOpen()) done(wrapped); else channel.onOpen(() => done(wrapped));
});

function open(role, pipe, isUnreliable) {
  const pc = connect(role, pipe);
  const opened = role === 'caller'
    ? whenOpen(pc.createDataChannel('bench', isUnreliable ? { unordered: true, maxRetransmits: 0 } : {}))
    : new Promise(done => pc.onDataChannel(c => done(whenOpen(c))));
  listen(pc, pipe);
  return { opened, close: () => pc.close() };
}

function openMedia(role, pipe) {
  const pc = connect(role, pipe);
  let opened;
  if (role === 'caller') {
    const video = new nd.Video('video', 'SendOnly');
    video.addVP8Codec(96);
    video.addSSRC(42, 'bench', 'bench', 'bench');
    opened = whenOpen(pc.addTrack(video));
    pc.setLocalDescription();
  } else {
    opened = new Promise(done => pc.onTrack(t => done(whenOpen(t))));
  }
  listen(pc, pipe);
  return { opened, close: () => pc.close() };
}

await drive({ name: 'libdatachannel', version: nd.getLibraryVersion(), open, openMedia, high: Number(process.env.WEIR_BENCH_AHEAD ?? 1 << 20) });
