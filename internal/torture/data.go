package main

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"waybill/internal/torture/check"
)

// An order is a row of the source data, data/orders.csv.
type order struct {
	id     int
	region string
	amount int
}

// allOrders is the source data; what has to arrive is computed from it here,
// without the engine.
func allOrders() []order {
	regions := []string{"EU", "US", "APAC", "Südamerika"}
	out := make([]order, 200)
	for i := range out {
		out[i] = order{i + 1, regions[i*7%len(regions)], i * i % 997}
	}
	return out
}

// otherOrders is the source data as it was before: one order less, another one
// changed, and so many more, of a region of their own, that there are more
// files, and partitions, than there will be.
func otherOrders() []order {
	out := allOrders()[1:]
	out[0].amount++
	for i := range 60 {
		out = append(out, order{1001 + i, "LATAM", i})
	}
	return out
}

// thirdOrders lies between otherOrders and allOrders.
func thirdOrders() []order { return append(allOrders()[3:], otherOrders()[199:230]...) }

func (o order) line() string { return fmt.Sprintf("%d,%s,%d", o.id, o.region, o.amount) }

func orders(sink, bucket, prefix string) check.Want {
	w := check.Want{Sink: sink, Bucket: bucket, Prefix: prefix, Header: "id,region,amount"}
	for _, o := range allOrders() {
		w.Rows = append(w.Rows, o.line())
	}
	return w
}

func totals(sink, bucket, prefix string) check.Want {
	count, sum := map[string]int{}, map[string]int{}
	for _, o := range allOrders() {
		count[o.region]++
		sum[o.region] += o.amount
	}
	w := check.Want{Sink: sink, Bucket: bucket, Prefix: prefix, Header: "region,orders,amount"}
	for region, n := range count {
		w.Rows = append(w.Rows, fmt.Sprintf("%s,%d,%d", region, n, sum[region]))
	}
	slices.Sort(w.Rows)
	return w
}

// several is a sink with a manifest and a success file. The rows of now have to
// arrive; those of earlier may have been delivered before.
func several(name, header string, rows func([]order) []string, now []order, earlier [][]order) check.Want {
	w := check.Want{Sink: "sink.own", Bucket: "own-inbox", Prefix: name + "/{date}/", Manifest: name + "/{date}/manifest.json", Success: name + "/{date}/_SUCCESS", Header: header, Rows: rows(now)}
	for _, list := range earlier {
		w.Earlier = append(w.Earlier, rows(list))
	}
	return w
}

// files is what flows/files.hcl makes.
func files(now []order, earlier ...[]order) check.Want {
	w := several("files", "id,region,amount", func(list []order) (rows []string) {
		for _, o := range list {
			rows = append(rows, o.line())
		}
		return rows
	}, now, earlier)
	w.FileRows = 60
	return w
}

// partitions is what flows/partitions.hcl makes.
func partitions(now []order, earlier ...[]order) check.Want {
	return several("partitions", "id,amount", func(list []order) (rows []string) {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b order) int { return cmp.Compare(a.region, b.region) })
		for _, o := range list {
			rows = append(rows, fmt.Sprintf("region=%s/%d,%d", o.region, o.id, o.amount))
		}
		return rows
	}, now, earlier)
}

// changes is what flows/diff.hcl makes when the data were before and are now.
func changes(before, now []order) check.Want {
	w := check.Want{Sink: "sink.own", Bucket: "own-inbox", Prefix: "diff/{date}", Header: "id,region,amount,_change"}
	olds, ids := map[int]order{}, map[int]string{}
	for _, o := range before {
		olds[o.id] = o
		ids[o.id] = o.line() + ",removed"
	}
	for _, o := range now {
		switch old, had := olds[o.id]; {
		case !had:
			ids[o.id] = o.line() + ",added"
		case old != o:
			ids[o.id] = o.line() + ",changed"
		default:
			delete(ids, o.id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		w.Rows = append(w.Rows, ids[id])
	}
	return w
}

// many is large enough to go up in parts: see flows/parts.hcl.
func many(sink, bucket, prefix string) check.Want {
	return check.Want{Sink: sink, Bucket: bucket, Prefix: prefix, Header: "id,n,digest", Rows: manyRows()}
}

var manyRows = sync.OnceValue(func() (rows []string) {
	for id := 1; id <= 3; id++ {
		for n := range 140_000 {
			sum := md5.Sum([]byte(strconv.Itoa(id) + "-" + strconv.Itoa(n)))
			rows = append(rows, fmt.Sprintf("%d,%d,%s", id, n, hex.EncodeToString(sum[:])))
		}
	}
	return rows
})
