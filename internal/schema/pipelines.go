package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"waybill/internal/diag"
)

var pipelineType = cty.Capsule("pipeline", reflect.TypeFor[string]())

// PipelineRef is what the name of a pipeline, or of an instance of one, is
// worth where pipelines can be named.
func PipelineRef(name string) cty.Value { return cty.CapsuleVal(pipelineType, &name) }

// parsePipelines lists the pipelines that a list names, each once, in order.
func parsePipelines(v cty.Value) (any, error) {
	if !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType() {
		return nil, fmt.Errorf("want a list such as [pipeline.load]")
	}
	var out []string
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		names, err := pipelineNames(e)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// pipelineNames are those of an element: a pipeline, or all instances of one.
func pipelineNames(e cty.Value) ([]string, error) {
	ty := e.Type()
	switch {
	case ty.Equals(pipelineType):
		return []string{*e.EncapsulatedValue().(*string)}, nil
	case ty.IsMapType() && ty.ElementType().Equals(pipelineType):
		var out []string
		for it := e.ElementIterator(); it.Next(); {
			_, one := it.Element()
			out = append(out, *one.EncapsulatedValue().(*string))
		}
		return out, nil
	case ty == cty.String: // JSON
		if t, diags := hclsyntax.ParseTraversalAbs([]byte(e.AsString()), "", hcl.InitialPos); !diags.HasErrors() {
			if name := pipelineName(t); name != "" {
				return []string{name}, nil
			}
		}
	}
	return nil, fmt.Errorf("want references to pipelines, such as [pipeline.load]")
}

// pipelineName is the name that pipeline.x or pipeline.x["key"] gives; empty
// for anything else.
func pipelineName(t hcl.Traversal) string {
	if len(t) < 2 || len(t) > 3 || t.RootName() != "pipeline" {
		return ""
	}
	attr, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return ""
	}
	if len(t) == 2 {
		return attr.Name
	}
	if _, isIndex := t[2].(hcl.TraverseIndex); !isIndex || StepName(t[2]) == "" {
		return ""
	}
	return attr.Name + KeySuffix(StepName(t[2]))
}

// KeySuffix is what the address of an instance ends with: `["acme"]`.
func KeySuffix(key string) string { return "[" + strconv.Quote(key) + "]" }

func parsePipelineName(expr hcl.Expression, at *Attr) (string, hcl.Diagnostics) {
	if t, diags := hcl.AbsTraversalForExpr(jsonReference(expr)); !diags.HasErrors() {
		if name := pipelineName(t); name != "" {
			return name, nil
		}
	}
	return "", hcl.Diagnostics{diag.Error("wrong-type", expr.Range(), at.Name+" wants a reference to a pipeline", fmt.Sprintf("Write the name of one, or of an instance: %s = pipeline.name, or pipeline.name[\"key\"].", at.Name))}
}
