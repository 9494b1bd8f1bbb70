// A set-up as a picture: time runs down, weir on the left, the browser on the right, each datagram an arrow from the
// moment it was sent to the moment it arrived, as the capture of the path has it. The first of each kind is named, at
// its sender's side; what is said again is drawn pale.
import { kindOf, dataBytes } from './relay.mjs';

const WIDTH = 980, LEFT = 360, RIGHT = 690, TOP = 70, TALL = 560, LINE = 15;
const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

function nameOf(packet, greeting) {
  return dataBytes(packet.data) >= greeting ? 'first message' : kindOf(packet.data);
}

// `signals`: [{ at, arrived, from, text }], descriptions on their way beside the path.
export function ladder({ packets, signals, begin, end, delay, greeting, title }) {
  const y = at => TOP + (at - begin) / (end - begin) * TALL;
  const parts = [], lowest = { weir: 0, browser: 0 }, named = new Set();
  const arrow = (from, at, arrived, colour, more = '') => {
    const [x1, x2] = from === 'weir' ? [LEFT, RIGHT] : [RIGHT, LEFT];
    parts.push(`<line x1="${x1}" y1="${y(at).toFixed(1)}" x2="${x2}" y2="${y(arrived).toFixed(1)}" stroke="${colour}" marker-end="url(#tip)"${more}/>`);
  };
  // Beside the sender, below what stands there already.
  const name = (from, at, text, colour) => {
    const to = Math.max(y(at) + 4, lowest[from] + LINE);
    lowest[from] = to;
    parts.push(`<text x="${from === 'weir' ? LEFT - 10 : RIGHT + 10}" y="${to.toFixed(1)}" text-anchor="${from === 'weir' ? 'end' : 'start'}" fill="${colour}">${escape(text)}</text>`);
  };
  for (let half = 0; begin + half * delay <= end; half++) {
    const at = y(begin + half * delay).toFixed(1);
    parts.push(`<line x1="110" y1="${at}" x2="${RIGHT + 20}" y2="${at}" stroke="#e4e4e4"/><text x="100" y="${Number(at) + 4}" text-anchor="end" fill="#888">${(half / 2).toFixed(1)} round trips</text>`);
  }
  for (const s of signals) {
    arrow(s.from, s.at, s.arrived, '#999', ' stroke-dasharray="5 4"');
    name(s.from, s.at, s.text, '#777');
  }
  for (const p of packets.filter(p => p.arrived && p.arrived <= end)) {
    const kind = nameOf(p, greeting), colour = kind === 'first message' ? '#b0301c' : p.data[0] < 4 ? '#1c5fb0' : '#1c8a4a';
    const isNew = !named.has(p.from + kind);
    named.add(p.from + kind);
    arrow(p.from, p.at, p.arrived, colour, isNew ? '' : ' opacity="0.25"');
    if (isNew) name(p.from, p.at, `${kind}, ${p.data.length} B`, colour);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${TOP + TALL + 20}" font-family="sans-serif" font-size="12">
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="#444"/></marker></defs>
<rect width="100%" height="100%" fill="white"/><text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="15">${escape(title)}</text>
<text x="${LEFT}" y="${TOP - 18}" text-anchor="middle" font-weight="bold">weir</text><text x="${RIGHT}" y="${TOP - 18}" text-anchor="middle" font-weight="bold">browser</text>
<line x1="${LEFT}" y1="${TOP - 10}" x2="${LEFT}" y2="${TOP + TALL}" stroke="#444"/><line x1="${RIGHT}" y1="${TOP - 10}" x2="${RIGHT}" y2="${TOP + TALL}" stroke="#444"/>
${parts.join('\n')}
</svg>
`;
}
