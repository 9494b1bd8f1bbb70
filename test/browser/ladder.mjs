// A set-up as a picture: time runs down, weir on the left, the browser on the right, each datagram an arrow from the
// moment it was sent to the moment it arrived, as the capture of the path has it.
import { kindOf, dataBytes } from './relay.mjs';

const WIDTH = 760, LEFT = 190, RIGHT = 570, TOP = 70, TALL = 640;
const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

function label(packet, greeting) {
  if (dataBytes(packet.data) >= greeting) return `first message (${packet.data.length} B)`;
  return `${kindOf(packet.data)} (${packet.data.length} B)`;
}

// `signals`: [{ at, arrived, from, text }], descriptions on their way beside the path.
export function ladder({ packets, signals, begin, end, delay, greeting, title }) {
  const y = at => TOP + (at - begin) / (end - begin) * TALL;
  const arrow = (from, at, arrived, text, colour, dashed) => {
    const [x1, x2] = from === 'weir' ? [LEFT, RIGHT] : [RIGHT, LEFT];
    const y1 = y(at), y2 = y(arrived), angle = Math.atan2(y2 - y1, x2 - x1) * 180 / Math.PI;
    const turn = from === 'weir' ? angle : angle - 180, near = from === 'weir' ? 0.3 : 0.7;
    const tx = LEFT + (RIGHT - LEFT) * (from === 'weir' ? near : 1 - near) * 1.0, ty = y1 + (y2 - y1) * 0.3 - 4;
    const x = from === 'weir' ? tx : RIGHT - (RIGHT - LEFT) * 0.3;
    return `<line x1="${x1}" y1="${y1.toFixed(1)}" x2="${x2}" y2="${y2.toFixed(1)}" stroke="${colour}" marker-end="url(#tip)"${dashed ? ' stroke-dasharray="5 4"' : ''}/>` +
      `<text x="${x.toFixed(1)}" y="${ty.toFixed(1)}" transform="rotate(${turn.toFixed(2)} ${x.toFixed(1)} ${ty.toFixed(1)})" text-anchor="${from === 'weir' ? 'start' : 'end'}" fill="${colour}">${escape(text)}</text>`;
  };
  const rows = [];
  for (let half = 0; begin + half * delay <= end; half++) {
    const at = y(begin + half * delay).toFixed(1);
    rows.push(`<line x1="${LEFT - 30}" y1="${at}" x2="${RIGHT + 30}" y2="${at}" stroke="#ddd"/><text x="${LEFT - 40}" y="${Number(at) + 4}" text-anchor="end" fill="#888">${(half / 2).toFixed(1)} round trips</text>`);
  }
  for (const s of signals) rows.push(arrow(s.from, s.at, s.arrived, s.text, '#888', true));
  for (const p of packets) {
    if (!p.arrived || p.at > end) continue;
    const text = label(p, greeting), colour = text.startsWith('first') ? '#b0301c' : p.data[0] < 4 ? '#1c5fb0' : '#1c8a4a';
    rows.push(arrow(p.from, p.at, Math.min(p.arrived, end), text, colour, false));
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${TOP + TALL + 30}" font-family="sans-serif" font-size="12">
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="#444"/></marker></defs>
<rect width="100%" height="100%" fill="white"/><text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="15">${escape(title)}</text>
<text x="${LEFT}" y="${TOP - 18}" text-anchor="middle" font-weight="bold">weir</text><text x="${RIGHT}" y="${TOP - 18}" text-anchor="middle" font-weight="bold">browser</text>
<line x1="${LEFT}" y1="${TOP - 10}" x2="${LEFT}" y2="${TOP + TALL}" stroke="#444"/><line x1="${RIGHT}" y1="${TOP - 10}" x2="${RIGHT}" y2="${TOP + TALL}" stroke="#444"/>
${rows.join('\n')}
</svg>
`;
}
