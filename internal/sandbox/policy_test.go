package sandbox

import (
	"testing"

	"github.com/versity/versitygw/iamapi/policy"
)

func TestMayAssume(t *testing.T) {
	const account = "111122223333"
	user := func(arn string, policies ...string) *Principal {
		return &Principal{ARN: "arn:aws:iam::" + arn, Account: arn[:12], policies: entries(policies)}
	}
	allow := statementDocument(statementValues{Effect: "Allow", Actions: []string{"sts:AssumeRole"}, Resources: []string{"*"}})
	deny := statementDocument(statementValues{Effect: "Deny", Actions: []string{"sts:*"}, Resources: []string{"*"}})
	trust := func(principals ...string) string {
		return trustDocument([]trustValues{{Principals: principals}})
	}
	for _, tt := range []struct {
		name   string
		caller *Principal
		trust  string
		want   bool
	}{
		{"named, same account, no policy of its own", user(account + ":user/a"), trust("arn:aws:iam::" + account + ":user/a"), true},
		{"account named, no policy of its own", user(account + ":user/a"), trust(account), false},
		{"account named, own policy allows", user(account+":user/a", allow), trust(account), true},
		{"account named by its root, own policy allows", user(account+":user/a", allow), trust("arn:aws:iam::" + account + ":root"), true},
		{"named, same account, own policy denies", user(account+":user/a", deny), trust("arn:aws:iam::" + account + ":user/a"), false},
		{"named, other account, no policy of its own", user("999999999999:user/a"), trust("arn:aws:iam::999999999999:user/a"), false},
		{"named, other account, own policy allows", user("999999999999:user/a", allow), trust("arn:aws:iam::999999999999:user/a"), true},
		{"everybody, other account, own policy allows", user("999999999999:user/a", allow), trust("*"), true},
		{"somebody else", user(account+":user/a", allow), trust("arn:aws:iam::" + account + ":user/b"), false},
		{"trust policy can't be read", user(account+":user/a", allow), "{", false},
		{"trust policy denies", user(account+":user/a", allow), `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"},
			{"Effect":"Deny","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := mayAssume(tt.caller, Role{Name: "R", Account: account, Trust: tt.trust}, assumption{sessionName: "s"}, "sts:AssumeRole"); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestBucketHome holds the rule across accounts: both sides must allow.
func TestBucketHome(t *testing.T) {
	const owner, other = "123456789012", "111122223333"
	allow := statementDocument(statementValues{Effect: "Allow", Actions: []string{"s3:*"}, Resources: []string{"*"}})
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}]}`
	for _, tt := range []struct {
		name       string
		account    string
		policies   []string
		bucket     string
		own, limit policy.Decision
	}{
		{"owner's own policy", owner, []string{allow}, "", policy.DecisionAllow, policy.DecisionAllow},
		{"owner without a policy", owner, nil, "", policy.DecisionNoMatch, policy.DecisionAllow},
		{"other account, bucket says nothing", other, []string{allow}, "", policy.DecisionNoMatch, policy.DecisionNoMatch},
		{"other account, both allow", other, []string{allow}, open, policy.DecisionAllow, policy.DecisionAllow},
		{"other account, only the bucket allows", other, nil, open, policy.DecisionNoMatch, policy.DecisionNoMatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Principal{ARN: "arn:aws:iam::" + tt.account + ":user/a", Account: tt.account, policies: entries(tt.policies)}
			home := bucketHome{name: "b", account: owner, policy: tt.bucket}
			own, limit := home.judge(p, policy.RequestContext{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/k", Condition: p.conditions(nil)})
			if own != tt.own || limit != tt.limit {
				t.Errorf("got %v and %v", own, limit)
			}
		})
	}
}
