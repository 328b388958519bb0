package daemon

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what the daemon counts.
type Metrics struct {
	ReloadOK    prometheus.Gauge
	ReloadAt    prometheus.Gauge
	Stale       prometheus.Gauge
	Pipelines   prometheus.Gauge
	Running     prometheus.Gauge
	ClockBehind prometheus.Gauge
	Slots       *prometheus.CounterVec
	Runs        *prometheus.CounterVec
	RunSeconds  *prometheus.HistogramVec
	LastSuccess *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		ReloadOK:    gauge("waybill_config_last_reload_successful", "Whether the last load of the configuration succeeded."),
		ReloadAt:    gauge("waybill_config_last_reload_success_timestamp_seconds", "When the configuration was last loaded successfully."),
		Stale:       gauge("waybill_config_stale", "Whether the configuration in force came from the store because the files were broken at start."),
		Pipelines:   gauge("waybill_pipelines", "Pipelines in the configuration in force."),
		Running:     gauge("waybill_runs_running", "Runs that this process carries now."),
		ClockBehind: gauge("waybill_clock_behind_seconds", "How far the clock is behind what has been scheduled; nothing fires until it has caught up."),
		Slots: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_slots_total",
			Help: "Slots that were fired, by what became of them first: queued or skipped."}, []string{"pipeline", "status"}),
		Runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_runs_total",
			Help: "Runs that ended, by how."}, []string{"pipeline", "status"}),
		RunSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "waybill_run_duration_seconds",
			Help: "How long runs took.", Buckets: prometheus.ExponentialBuckets(1, 3, 9)}, []string{"pipeline"}),
		LastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "waybill_last_success_timestamp_seconds",
			Help: "When a pipeline's run last succeeded."}, []string{"pipeline"}),
	}
	reg.MustRegister(m.ReloadOK, m.ReloadAt, m.Stale, m.Pipelines, m.Running, m.ClockBehind, m.Slots, m.Runs, m.RunSeconds, m.LastSuccess)
	return m
}
