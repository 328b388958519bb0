package schedule

import "testing"

func TestDescribe(t *testing.T) {
	tests := []struct{ expr, zone, want string }{
		{"0 9 ? * MON-FRI *", "America/New_York", "at 09:00 on weekdays, New York time"},
		{"0 9 ? * * *", "Europe/Berlin", "at 09:00 every day, Berlin time"},
		{"30 6,18 * * *", "UTC", "at 06:30 and 18:30 every day, UTC"},
		{"0 9 * * 0,6", "UTC", "at 09:00 on weekends, UTC"},
		{"0 9 * * 1,3,7", "UTC", "at 09:00 on Mondays, Wednesdays and Sundays, UTC"},
		{"0 9 * * 2-5", "UTC", "at 09:00 on Tuesdays to Fridays, UTC"},
		{"30 6 L * ? *", "UTC", "at 06:30 on the last day of every month, UTC"},
		{"0 0 1,15 * ? *", "UTC", "at 00:00 on the 1st and 15th of every month, UTC"},
		{"0 0 2-4,21,22,23 * ? *", "UTC", "at 00:00 on the 2nd to 4th and 21st to 23rd of every month, UTC"},
		{"0 0 11-13 1 ? *", "UTC", "at 00:00 on the 11th to 13th in January, UTC"},
		{"0 0 3W * ? *", "UTC", "at 00:00 on the weekday nearest to the 3rd of every month, UTC"},
		{"0 0 ? * 3#2 *", "UTC", "at 00:00 on the 2nd Tuesday of every month, UTC"},
		{"15 10 ? * 6L 2022-2023", "UTC", "at 10:15 on the last Friday of every month in 2022 and 2023, UTC"},
		{"0 0 ? * * 2027/1", "UTC", "at 00:00 every day from 2027 on, UTC"},
		{"0 0 ? * * 2020/4", "UTC", "at 00:00 every day every 4 years from 2020 to 2196, UTC"},
		{"0 0 ? 6-8,12 * *", "UTC", "at 00:00 every day in June to August and December, UTC"},
		{"0 0 13 * 5", "UTC", "at 00:00 on Fridays and on the 13th of every month, UTC"},
		{"0 0 */10 * 1", "UTC", "at 00:00 on Mondays that fall on the 1st, 11th, 21st and 31st of every month, UTC"},
		{"* * * * *", "UTC", "every minute, UTC"},
		{"*/15 * * * *", "UTC", "every 15 minutes, UTC"},
		{"*/7 * * * *", "UTC", "every hour at 0, 7, 14, 21, 28, 35, 42, 49 and 56 past, UTC"},
		{"0 * * * *", "UTC", "every hour, UTC"},
		{"20 * * * *", "UTC", "every hour at 20 past, UTC"},
		{"5,35 * * * *", "UTC", "every hour at 5 and 35 past, UTC"},
		{"0 */2 * * *", "UTC", "every 2 hours from 00:00, UTC"},
		{"0 9-17 * * 1-5", "UTC", "every hour from 09:00 to 17:00 on weekdays, UTC"},
		{"*/30 9-17 * * 1-5", "UTC", "every 30 minutes from 09:00 to 17:30 on weekdays, UTC"},
		{"*/20 1,5,9 * * *", "UTC", "every 20 minutes in the hours 1, 5 and 9, UTC"},
		{"0 0 * * *", "America/Argentina/Buenos_Aires", "at 00:00 every day, Buenos Aires time"},
		{"rate(1 minute)", "UTC", "every minute"},
		{"rate(90 minutes)", "UTC", "every 90 minutes"},
		{"rate(1 hour)", "Europe/Berlin", "every hour"},
		{"rate(48 hours)", "UTC", "every 2 days"},
	}
	for _, tt := range tests {
		if got := mustMake(t, tt.expr, tt.zone, Skip).Describe(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.expr, got, tt.want)
		}
	}
	if got := (Schedule{}).Describe(); got != "never" {
		t.Errorf("the zero schedule: %q", got)
	}
}
