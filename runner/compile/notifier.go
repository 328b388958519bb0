package compile

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
	"waybill/internal/schema"
	"waybill/internal/secret"
)

// Notifier is a `notifier "webhook"` block.
type Notifier struct {
	Name    string
	Method  string            `wb:"method"`
	URL     secret.String     `wb:"url"`
	Headers map[string]string `wb:"headers"`
	Body    string            `wb:"body"`
}

var notifierType = cty.Capsule("notifier", reflect.TypeFor[Notifier]())

// webhookBlock describes `notifier "webhook"`.
var webhookBlock = &schema.Block{
	Type: "notifier", Labels: []schema.Label{{Name: "kind", Doc: "webhook."}, {Name: "name", Doc: "Unique in the project; used as notifier.name."}},
	Doc:     "Somebody who is told of what happens to a pipeline, by an HTTP request.",
	Example: "notifier \"webhook\" \"ops\" {\n  url  = env(\"OPS_URL\")\n  body = jsonencode({ text = \"${event.pipeline}: ${event.error.summary}\" })\n}",
	Attrs: []schema.Attr{
		{Name: "url", Type: schema.String, Required: true, Sensitive: true, Example: `env("OPS_URL")`, Doc: "Where the request goes: https, or http on a loopback address."},
		{Name: "method", Type: schema.String, Default: "POST", OneOf: []string{"POST", "PUT"}, Doc: "The request's method."},
		{Name: "headers", Type: schema.StringMap, Sensitive: true, Example: `{ Authorization = "Bearer ${secret("env://OPS_TOKEN")}" }`, Doc: "Headers of the request."},
		{Name: "body", Type: schema.String, Sensitive: true, Example: `jsonencode({ text = event.error.summary })`, Doc: "The request's body, made from event: kind, pipeline, run, slot, status, and of a failure error.code, error.summary, error.cause, error.remedy, error.where. Default: all of event as JSON."},
	},
}

// eventTypes are the attributes of `event` in a notifier.
var eventTypes = map[string]cty.Type{
	"kind": cty.String, "pipeline": cty.String, "run": cty.String, "slot": cty.String, "status": cty.String,
	"error": cty.Object(map[string]cty.Type{"code": cty.String, "summary": cty.String, "cause": cty.String, "remedy": cty.String, "where": cty.String}),
}

// unknownEvent is `event` before anything has happened: typed, so that a
// misspelt name is found.
var unknownEvent = func() map[string]cty.Value {
	attrs := map[string]cty.Value{}
	for _, name := range slices.Sorted(maps.Keys(eventTypes)) {
		attrs[name] = cty.UnknownVal(eventTypes[name])
	}
	return map[string]cty.Value{"event": cty.ObjectVal(attrs)}
}()

// notifiers evaluates all notifiers and returns them as the `notifier` object.
func (w *workspace) notifiers() (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	values := map[string]cty.Value{}
	for _, b := range w.g.project.Notifiers {
		if b.Labels[0] != "webhook" {
			diags = append(diags, unknownKind("notifier", b, []string{"webhook"}))
			continue
		}
		n := &Notifier{Name: b.Labels[1]}
		v, d := schema.Decode(b.Body, webhookBlock, w.scope.With(unknownEvent), n)
		if !d.HasErrors() {
			d = append(d, checkURL(n, v)...)
		}
		diags = append(diags, d...)
		values[n.Name] = cty.CapsuleVal(notifierType, n)
	}
	return cty.ObjectVal(values), diags
}

// checkURL judges a webhook's address without showing it: it may be secret.
func checkURL(n *Notifier, v *schema.Values) hcl.Diagnostics {
	if !v.Known("url") {
		return nil
	}
	u, err := url.Parse(n.URL.Reveal())
	switch {
	case err != nil || u.Host == "":
		return hcl.Diagnostics{v.Error("url", "endpoint-invalid", "url is no URL", "Write https://host/path.")}
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return hcl.Diagnostics{v.Error("url", "endpoint-invalid", "url is not https", "Use https, or http on a loopback address.")}
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func (w *workspace) unusedNotifiers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, b := range w.g.project.Notifiers {
		if address := "notifier." + b.Labels[1]; !w.used[address] {
			diags = append(diags, diag.Warning("unused", b.DefRange, address+" is used by nothing", "Remove it, or name it in a pipeline, for example in on_failure."))
		}
	}
	return diags
}

// hookAttr is a pipeline's list of those who are told of something.
func hookAttr(name, when string) schema.Attr {
	return schema.Attr{Name: name, Type: schema.Notifiers(notifierType), Pending: true, Example: "[notifier.ops]", Doc: "Who is told " + when + "."}
}

// Pending is something that a pipeline asks for and that this version cannot
// do: it is checked, but the pipeline does not run.
type Pending = schema.Pending

// pendingWarnings tells what keeps a pipeline from running.
func pendingWarnings(list []Pending) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range list {
		diags = append(diags, diag.Warning("not-supported-yet", p.Range, fmt.Sprintf("%s is checked, but this version of waybill cannot do it yet", p.Name),
			"The pipeline validates and does not run: it fails at once instead of doing less than it says. Take it away to run the pipeline."))
	}
	return diags
}
