package config

import (
	"fmt"
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// netFunctions calculate with addresses of networks.
func netFunctions() map[string]function.Function {
	return map[string]function.Function{
		"cidrhost": netFunc([]string{"hostnum"}, func(network *net.IPNet, n []*big.Int) (string, error) {
			ip, err := cidr.HostBig(network, n[0])
			return ip.String(), err
		}),
		"cidrnetmask": netFunc(nil, func(network *net.IPNet, _ []*big.Int) (string, error) {
			if network.IP.To4() == nil {
				return "", fmt.Errorf("IPv6 addresses have no netmask")
			}
			return net.IP(network.Mask).String(), nil
		}),
		"cidrsubnet": netFunc([]string{"newbits", "netnum"}, func(network *net.IPNet, n []*big.Int) (string, error) {
			bits, err := newBits(n[0])
			if err != nil {
				return "", err
			}
			subnet, err := cidr.SubnetBig(network, bits, n[1])
			if err != nil {
				return "", err
			}
			return subnet.String(), nil
		}),
		"cidrsubnets": cidrSubnetsFunc,
	}
}

// netFunc is a function of a network, such as "10.0.0.0/8", and whole numbers.
func netFunc(numbers []string, f func(network *net.IPNet, n []*big.Int) (string, error)) function.Function {
	params := []function.Parameter{{Name: "prefix", Type: cty.String}}
	for _, name := range numbers {
		params = append(params, function.Parameter{Name: name, Type: cty.Number})
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			network, err := parseNetwork(args[0])
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			n := make([]*big.Int, len(numbers))
			for i, a := range args[1:] {
				whole, acc := a.AsBigFloat().Int(nil)
				if acc != big.Exact {
					return cty.UnknownVal(cty.String), function.NewArgErrorf(i+1, "want a whole number")
				}
				n[i] = whole
			}
			text, err := f(network, n)
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(text), nil
		},
	})
}

func parseNetwork(v cty.Value) (*net.IPNet, error) {
	_, network, err := net.ParseCIDR(v.AsString())
	if err != nil {
		return nil, function.NewArgErrorf(0, "%q is no network: write an address and a number of bits, such as 10.0.0.0/8", v.AsString())
	}
	return network, nil
}

// newBits are the bits by which a network is divided.
func newBits(n *big.Int) (int, error) {
	if !n.IsInt64() || n.Int64() < 0 || n.Int64() > 128 {
		return 0, fmt.Errorf("want 0 to 128 new bits")
	}
	return int(n.Int64()), nil
}

// cidrSubnetsFunc divides a network into subnets that lie one behind another.
var cidrSubnetsFunc = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "prefix", Type: cty.String}},
	VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		network, err := parseNetwork(args[0])
		if err != nil {
			return cty.UnknownVal(ty), err
		}
		own, _ := network.Mask.Size()
		var out []cty.Value
		var last *net.IPNet
		for i, a := range args[1:] {
			whole, acc := a.AsBigFloat().Int(nil)
			bits, err := newBits(whole)
			if acc != big.Exact || err != nil || bits == 0 {
				return cty.UnknownVal(ty), function.NewArgErrorf(i+1, "want a whole number of bits, from 1 to 128")
			}
			next, err := subnetAfter(network, last, own, bits)
			if err != nil {
				return cty.UnknownVal(ty), function.NewArgError(i+1, err)
			}
			last = next
			out = append(out, cty.StringVal(next.String()))
		}
		if len(out) == 0 {
			return cty.ListValEmpty(cty.String), nil
		}
		return cty.ListVal(out), nil
	},
})

func subnetAfter(network, last *net.IPNet, own, bits int) (*net.IPNet, error) {
	if last == nil {
		return cidr.Subnet(network, bits, 0)
	}
	if _, width := network.Mask.Size(); own+bits > width {
		return nil, fmt.Errorf("%s has not that many bits left", network)
	}
	next, overflow := cidr.NextSubnet(last, own+bits)
	if overflow || !network.Contains(next.IP) {
		return nil, fmt.Errorf("%s has no room for one more", network)
	}
	return next, nil
}
