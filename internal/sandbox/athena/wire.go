package athena

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"waybill/internal/sandbox"
)

// The SDK's own input and output types are what goes over the wire, so that no
// name is written twice. awsJson1.1 differs from encoding/json in that absent
// members are left out and times are seconds.

// read decodes a request.
func read[T any](body []byte) (*T, error) {
	in := new(T)
	if err := json.Unmarshal(body, in); err != nil {
		return nil, &sandbox.APIError{Status: http.StatusBadRequest, Code: "SerializationException", Message: err.Error()}
	}
	return in, nil
}

// wire turns one of the SDK's output types into what is encoded.
func wire(v any) any {
	out, _ := wireValue(reflect.ValueOf(v))
	if out == nil {
		return map[string]any{}
	}
	return out
}

func wireValue(v reflect.Value) (out any, present bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, false
		}
		return wireValue(v.Elem())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return float64(t.UnixMilli()) / 1000, true
		}
		return wireStruct(v), true
	case reflect.Slice:
		if v.IsNil() {
			return nil, false
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i], _ = wireValue(v.Index(i))
		}
		return list, true
	case reflect.Map:
		if v.IsNil() {
			return nil, false
		}
		m := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			m[it.Key().String()], _ = wireValue(it.Value())
		}
		return m, true
	case reflect.String:
		return v.String(), v.Len() > 0 // enums that aren't set; texts are pointers
	}
	return v.Interface(), true
}

func wireStruct(v reflect.Value) map[string]any {
	m := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		if f.Type.Kind() == reflect.Pointer && !v.Field(i).IsNil() && f.Type.Elem().Kind() == reflect.String {
			m[f.Name] = v.Field(i).Elem().String() // an empty text is a value
			continue
		}
		if value, present := wireValue(v.Field(i)); present {
			m[f.Name] = value
		}
	}
	return m
}

// invalid is Athena's answer to a request that can't be meant.
func invalid(format string, args ...any) *sandbox.APIError {
	return &sandbox.APIError{Status: http.StatusBadRequest, Code: "InvalidRequestException", Message: fmt.Sprintf(format, args...),
		Members: map[string]any{"AthenaErrorCode": "INVALID_INPUT"}}
}

func tooMany(reason, message string) *sandbox.APIError {
	return &sandbox.APIError{Status: http.StatusBadRequest, Code: "TooManyRequestsException", Message: message, Members: map[string]any{"Reason": reason}}
}

func denied(p *sandbox.Principal, action, resource string, explicit bool) *sandbox.APIError {
	return &sandbox.APIError{Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: deniedText(p, action, resource, explicit)}
}

func deniedText(p *sandbox.Principal, action, resource string, explicit bool) string {
	why := "because no identity-based policy allows the " + action + " action"
	if explicit {
		why = "with an explicit deny in an identity-based policy"
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", p.ARN, action, resource, why)
}
