// pion v3 as a guest: JSON lines in and out, see README.md.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media"
)

type line map[string]interface{}

var lock sync.Mutex
var trickles bool
var first *webrtc.DataChannel

func say(l line) {
	lock.Lock()
	defer lock.Unlock()
	text, _ := json.Marshal(l)
	fmt.Println(string(text))
}

func must(err error) {
	if err != nil {
		say(line{"error": err.Error()})
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func keep(d *webrtc.DataChannel) {
	if first == nil {
		first = d
	}
	d.OnOpen(func() { say(line{"channel": d.Label(), "event": "open"}) })
	d.OnClose(func() { say(line{"channel": d.Label(), "event": "close"}) })
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		if m.IsString {
			say(line{"channel": d.Label(), "event": "message", "text": string(m.Data)})
			return
		}
		say(line{"channel": d.Label(), "event": "message", "bytes": len(m.Data),
			"good": string(m.Data) == string(pattern(len(m.Data)))})
	})
}

// Frames that no decoder would like, at the rate of real ones: weir does not look into them.
func addTrack(p *webrtc.PeerConnection, mime string, every time.Duration, size int) {
	t, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, mime[:5], "guest")
	must(err)
	_, err = p.AddTrack(t)
	must(err)
	go func() {
		for range time.Tick(every) {
			_ = t.WriteSample(media.Sample{Data: make([]byte, size), Duration: every})
		}
	}()
}

func describe(p *webrtc.PeerConnection, d webrtc.SessionDescription, err error) {
	must(err)
	gathered := webrtc.GatheringCompletePromise(p)
	must(p.SetLocalDescription(d))
	if !trickles {
		<-gathered
	}
	say(line{"type": p.LocalDescription().Type.String(), "sdp": p.LocalDescription().SDP})
}

func main() {
	for _, a := range os.Args[1:] {
		trickles = trickles || a == "--trickle"
	}
	p, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	must(err)
	p.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { say(line{"state": s.String()}) })
	p.OnDataChannel(func(d *webrtc.DataChannel) { keep(d) })
	p.OnICECandidate(func(c *webrtc.ICECandidate) {
		if trickles && c != nil {
			say(line{"type": "candidate", "candidate": c.ToJSON().Candidate})
		} else if trickles {
			say(line{"type": "candidate", "candidate": ""})
		}
	})
	p.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for n := 1; ; n++ {
			if _, _, err := t.ReadRTP(); err != nil {
				return
			}
			if n == 20 {
				say(line{"packets": n, "kind": t.Kind().String()})
			}
		}
	})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<20)
	for in.Scan() {
		var l map[string]interface{}
		must(json.Unmarshal(in.Bytes(), &l))
		sdp, _ := l["sdp"].(string)
		switch {
		case l["type"] == "offer":
			must(p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}))
			answer, err := p.CreateAnswer(nil)
			describe(p, answer, err)
		case l["type"] == "answer":
			must(p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}))
		case l["candidate"] != nil:
			must(p.AddICECandidate(webrtc.ICECandidateInit{Candidate: l["candidate"].(string)}))
		case l["open"] != nil:
			d, err := p.CreateDataChannel(l["open"].(string), nil)
			must(err)
			keep(d)
		case l["media"] != nil:
			addTrack(p, webrtc.MimeTypeOpus, 20*time.Millisecond, 80)
			addTrack(p, webrtc.MimeTypeVP8, 40*time.Millisecond, 2000)
		case l["offer"] != nil:
			offer, err := p.CreateOffer(nil)
			describe(p, offer, err)
		case l["send"] != nil:
			if text, is := l["send"].(string); is {
				must(first.SendText(text))
			} else {
				must(first.Send(pattern(int(l["send"].(float64)))))
			}
		case l["bye"] != nil:
			must(p.Close())
			os.Exit(0)
		}
	}
}
