// Package order carries a delivery of several files through in the one order
// in which nobody who reads meanwhile is misled:
//
//	old success file out → data → manifest → stale files out → success file
//
// A success file therefore never stands over files that are half replaced, and
// a manifest never without the files that it names. Wherever a process stops,
// the next call goes on from what the ledger holds.
package order

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"waybill/internal/problem"
	"waybill/sinks"
)

// A Target is what a kind of sink can do with single objects. Put and Look are
// called from several goroutines, the others are not.
type Target interface {
	// Put announces an artifact, sends it and records that it is there. With
	// absent set it writes only where nothing stands, or this very artifact of
	// this delivery; otherwise it fails with the problem "object-exists".
	Put(ctx context.Context, a sinks.Artifact, absent bool) (sinks.Object, error)
	// Look tells what stands where an artifact is to go: found is false if
	// nothing does; ours is set if it is this very artifact of this delivery.
	Look(ctx context.Context, a sinks.Artifact) (obj sinks.Object, found, ours bool, err error)
	// Remove removes the object under a key. It is fine if there is none.
	Remove(ctx context.Context, key string) error
	// CanRemove fails as Remove would for lack of permission, and removes
	// nothing.
	CanRemove(ctx context.Context, key string) error
	// Place is how the object under a key is called in messages.
	Place(key string) string
}

// Deliver carries a delivery through, with so many puts side by side. The
// receipt lists all objects in the order of the artifacts.
func Deliver(ctx context.Context, d sinks.Delivery, t Target, sideBySide int) (sinks.Receipt, error) {
	c := &carrier{d: d, t: t, sideBySide: sideBySide, there: map[string]sinks.Object{}, wrote: map[string]bool{}}
	for _, in := range d.Intents {
		if in.Settled && in.Object.Key != "" {
			c.there[in.Key], c.wrote[in.Key] = in.Object, true
		}
	}
	for _, a := range d.Artifacts {
		if obj, ok := c.there[a.Key]; ok && (obj.SHA256 != a.SHA256 || obj.Size != a.Size) {
			delete(c.there, a.Key)
		}
	}
	skipped, err := c.meet(ctx)
	if err == nil && skipped == "" {
		err = c.carry(ctx)
	}
	if err != nil {
		return sinks.Receipt{}, c.undo(ctx, err)
	}
	if skipped != "" {
		return sinks.Receipt{Skipped: skipped}, nil
	}
	r := sinks.Receipt{Objects: make([]sinks.Object, len(d.Artifacts))}
	for i, a := range d.Artifacts {
		r.Objects[i] = c.there[a.Key]
	}
	return r, nil
}

// A carrier is one delivery on its way.
type carrier struct {
	d          sinks.Delivery
	t          Target
	sideBySide int

	mu    sync.Mutex
	there map[string]sinks.Object // artifacts that are there, by key
	wrote map[string]bool         // keys that this run of the delivery wrote

	removed bool // something, so that removing is allowed
}

// meet looks at what stands at the destination, where the sink asks for it.
func (c *carrier) meet(ctx context.Context) (skipped string, err error) {
	switch c.d.IfExists {
	case sinks.Fail:
		return "", c.meetNone(ctx)
	case sinks.Skip:
		return c.meetFirst(ctx)
	}
	return "", nil
}

// meetNone makes sure that no other object stands in the way, before anything
// is sent.
func (c *carrier) meetNone(ctx context.Context) error {
	missing := c.missing("", sinks.Manifest, sinks.Success)
	for _, a := range missing { // what is ours must go if the rest cannot come
		sent, err := c.sentBefore(ctx, a)
		if err != nil {
			return err
		}
		if sent {
			c.wrote[a.Key] = true
		}
	}
	seen, err := c.lookAll(ctx, missing)
	if err != nil {
		return err
	}
	for i, obj := range seen {
		if obj.Key == "" {
			continue
		}
		if err := c.adopt(ctx, missing[i], obj); err != nil {
			return err
		}
	}
	if stale := c.stale(); len(stale) > 0 {
		p := Exists(c.t.Place(stale[0]))
		p.Cause = `It is of an earlier delivery of this slot, which had more files, and if_exists = "fail" removes nothing.`
		return p
	}
	return nil
}

// lookAll looks at what stands where these artifacts are to go, at several at a
// time, and returns those that are ours; the others are zero.
func (c *carrier) lookAll(ctx context.Context, list []sinks.Artifact) ([]sinks.Object, error) {
	seen := make([]sinks.Object, len(list))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for i, a := range list {
		group.Go(func() error {
			if gctx.Err() != nil {
				return gctx.Err() // another look has failed
			}
			obj, found, ours, err := c.t.Look(gctx, a)
			switch {
			case err != nil:
				return err
			case found && !ours:
				return Exists(c.t.Place(a.Key))
			case found:
				seen[i] = obj
			}
			return nil
		})
	}
	return seen, cancelled(ctx, group.Wait())
}

// looksAtOnce bounds how many objects are looked at side by side: small
// requests, of which a delivery may have ten thousand.
const looksAtOnce = 16

// sentBefore reports whether what stands where an artifact is to go is what an
// earlier attempt announced there and did not live to record, be it with other
// bytes: an encrypted file that is lost and made anew has others even if the
// rows are equal.
func (c *carrier) sentBefore(ctx context.Context, a sinks.Artifact) (bool, error) {
	for _, in := range c.d.Intents {
		if in.Key != a.Key || in.Settled {
			continue
		}
		before := a
		before.SHA256, before.Size = in.SHA256, in.Size
		if _, _, ours, err := c.t.Look(ctx, before); err != nil || ours {
			return ours, err
		}
	}
	return false, nil
}

// meetFirst skips the delivery if the first of its files is there, and sends
// that one before the others, in case somebody else does so at this moment.
func (c *carrier) meetFirst(ctx context.Context) (skipped string, err error) {
	if len(c.wrote) > 0 || len(c.d.Artifacts) == 0 {
		return "", nil // begun already
	}
	first := c.d.Artifacts[0]
	is := c.t.Place(first.Key) + " is there already"
	obj, found, ours, err := c.t.Look(ctx, first)
	switch {
	case err != nil:
		return "", err
	case ours:
		return "", c.adopt(ctx, first, obj)
	case found:
		if sent, err := c.sentBefore(ctx, first); err != nil || sent {
			return "", err // begun already
		}
		return is, nil
	}
	if err := c.outdated(ctx); err != nil {
		return "", err
	}
	if err := c.put(ctx, first, true); err != nil {
		if p := problem.As(err); p != nil && p.Code == "object-exists" {
			return is, nil
		}
		return "", err
	}
	return "", nil
}

// adopt records an artifact that turned out to be there.
func (c *carrier) adopt(ctx context.Context, a sinks.Artifact, obj sinks.Object) error {
	if err := c.d.Ledger.Intend(ctx, sinks.Intent{Key: a.Key, SHA256: a.SHA256, Size: a.Size, Role: a.Role}); err != nil {
		return err
	}
	c.there[a.Key] = obj
	return c.d.Ledger.Settle(ctx, obj)
}

// carry changes the destination, in order.
func (c *carrier) carry(ctx context.Context) error {
	stale := c.stale()
	if len(stale) > 0 || len(c.missing("", sinks.Manifest)) > 0 {
		if err := c.outdated(ctx); err != nil {
			return err
		}
	}
	if len(stale) > 0 && !c.removed {
		if err := c.t.CanRemove(ctx, stale[0]); err != nil {
			return because(err, fmt.Sprintf("%s is left of an earlier delivery of this slot, which had other files, and has to go. Nothing was replaced.", c.t.Place(stale[0])))
		}
	}
	if err := c.putAll(ctx, c.missing("")); err != nil {
		return err
	}
	if err := c.putAll(ctx, c.missing(sinks.Manifest)); err != nil {
		return err
	}
	for _, key := range stale {
		if err := c.remove(ctx, key); err != nil {
			return because(err, "The new files are there. This one is left of an earlier delivery of this slot and has to go.")
		}
	}
	return c.putAll(ctx, c.missing(sinks.Success))
}

// missing lists the artifacts of these roles that are not there yet.
func (c *carrier) missing(roles ...string) []sinks.Artifact {
	var out []sinks.Artifact
	for _, a := range c.d.Artifacts {
		if _, ok := c.there[a.Key]; !ok && slices.Contains(roles, a.Role) {
			out = append(out, a)
		}
	}
	return out
}

// earlier lists the keys, in order, under which earlier deliveries of this id
// left something, or may have: a put whose end nobody saw.
func (c *carrier) earlier(want func(key, role string) bool) []string {
	var keys []string
	for _, o := range c.d.Standing {
		if want(o.Key, o.Role) {
			keys = append(keys, o.Key)
		}
	}
	for _, in := range c.d.Intents {
		if !in.Settled && in.UploadID == "" && want(in.Key, in.Role) {
			keys = append(keys, in.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// stale are the keys of earlier deliveries of this id that this one does not
// write. They are named by the ledger, and by nothing else.
func (c *carrier) stale() []string {
	ours := map[string]bool{}
	for _, a := range c.d.Artifacts {
		ours[a.Key] = true
	}
	return c.earlier(func(key, role string) bool { return role != sinks.Success && !ours[key] })
}

// outdated removes the success file of the delivery before, before anything
// that it vouches for changes.
func (c *carrier) outdated(ctx context.Context) error {
	if c.d.IfExists == sinks.Fail {
		return nil // nothing is replaced
	}
	for _, key := range c.earlier(func(_, role string) bool { return role == sinks.Success }) {
		if err := c.remove(ctx, key); err != nil {
			return because(err, fmt.Sprintf("%s says that the earlier delivery of this slot is complete, and has to go before its files are replaced. Nothing was replaced.", c.t.Place(key)))
		}
	}
	return nil
}

func (c *carrier) remove(ctx context.Context, key string) error {
	// Unlike a put, which is announced, nothing else would tell that we slept
	// for so long that another process has done our work.
	if err := c.d.Ledger.Held(ctx); err != nil {
		return err
	}
	if err := c.t.Remove(ctx, key); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.there, key)
	c.removed = true
	c.mu.Unlock()
	c.d.Standing = slices.DeleteFunc(slices.Clone(c.d.Standing), func(o sinks.Object) bool { return o.Key == key })
	c.d.Intents = slices.DeleteFunc(slices.Clone(c.d.Intents), func(in sinks.Intent) bool { return in.Key == key && in.UploadID == "" })
	return c.d.Ledger.Removed(context.WithoutCancel(ctx), key)
}

// putAll sends artifacts, some side by side.
func (c *carrier) putAll(ctx context.Context, list []sinks.Artifact) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.sideBySide))
	for _, a := range list {
		group.Go(func() error {
			if gctx.Err() != nil {
				return gctx.Err() // another object failed first
			}
			return c.put(gctx, a, c.d.IfExists == sinks.Fail)
		})
	}
	return cancelled(ctx, group.Wait())
}

func (c *carrier) put(ctx context.Context, a sinks.Artifact, absent bool) error {
	obj, err := c.t.Put(ctx, a, absent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if obj.Key != "" {
		c.wrote[a.Key] = true // even if the record failed
	}
	if err == nil {
		c.there[a.Key] = obj
	}
	return err
}

// undo removes what this delivery wrote if an object of somebody else came in
// between, where the sink must replace nothing: then the whole is not there.
func (c *carrier) undo(ctx context.Context, err error) error {
	p := problem.As(err)
	if c.d.IfExists != sinks.Fail || p == nil || p.Code != "object-exists" || len(c.wrote) == 0 {
		return err
	}
	own := context.WithoutCancel(ctx)
	out := *p
	for _, a := range slices.Backward(c.d.Artifacts) {
		if !c.wrote[a.Key] {
			continue
		}
		if err := c.remove(own, a.Key); err != nil {
			out.Cause = fmt.Sprintf("It came while this delivery was under way. %s and perhaps others of this delivery stay, because they cannot be removed: %v.", c.t.Place(a.Key), err)
			return &out
		}
	}
	out.Cause = "It came while this delivery was under way. The files that had been delivered were removed again."
	return &out
}

// Exists is the problem of an object that stands in the way.
func Exists(place string) *problem.Problem {
	return problem.New("object-exists", fmt.Sprintf("another object stands at %s", place), nil)
}

// because gives a problem a reason that its place in the order explains.
func because(err error, cause string) error {
	p := problem.As(err)
	if p == nil {
		return err
	}
	out := *p
	out.Cause = cause
	return &out
}

// cancelled gives a cancellation that came before anything was sent its code.
func cancelled(ctx context.Context, err error) error {
	if err != nil && problem.As(err) == nil && ctx.Err() != nil {
		return problem.New("cancelled", "the delivery was cancelled", ctx.Err())
	}
	return err
}
