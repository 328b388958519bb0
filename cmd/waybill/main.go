// Command waybill runs data pipelines that are declared in HCL files: Athena
// sources, SQL transformations and S3 sinks, on schedules.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(newApp(os.Stdin, os.Stdout, os.Stderr))) }

func run(a *app) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return a.execute(ctx, os.Args[1:])
}
