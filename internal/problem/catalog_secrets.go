package problem

// secretEntries are what goes wrong with secret() and with tokens of an
// identity provider.
var secretEntries = map[string]Entry{
	"secret-reference-invalid": {
		Title:  "the argument of secret() is no reference",
		Cause:  "It says where a secret is kept: env://NAME, file:///path, aws-sm://name-or-arn or aws-ssm:///path, with options behind a ? and a field behind a #.",
		Remedy: []string{"Write the reference as the message says."},
		Class:  Permanent,
	},
	"secret-not-found": {
		Title:  "a secret is not where its reference points",
		Remedy: []string{"Correct the reference, or put the secret there."},
		Class:  Permanent,
	},
	"secret-access-denied": {
		Title:  "a secret may not be read",
		Cause:  "The identity that waybill runs as lacks the permission. Secrets are read with the credentials of the SDK's default chain, not with those of a connection.",
		Remedy: []string{"Add the statement below to that identity's policy."},
		Class:  Permanent,
	},
	"secret-decrypt-denied": {
		Title: "a secret may be read, but not decrypted",
		Cause: "The secret is encrypted with a KMS key that does not let the identity decrypt, or that is disabled or gone.",
		Remedy: []string{
			"Add the statement below to the identity's policy. The key's own policy must allow it, too, if the key is of another account.",
			"If both do, check that the key is enabled.",
		},
		Class: Permanent,
	},
	"secret-not-json": {
		Title:  "a field is asked of a secret that is no JSON object",
		Remedy: []string{"Take the #field out of the reference, or store the secret as a JSON object."},
		Class:  Permanent,
	},
	"secret-field-missing": {
		Title:  "a secret has no such field",
		Remedy: []string{"Correct the name behind the #. Fields are those of the JSON object itself, not of objects within it; each is a text, a number or a bool."},
		Class:  Permanent,
	},
	"secret-unusable": {
		Title:  "a secret is there, but is none that can be used",
		Cause:  "A secret is text in UTF-8 of 1 to 65,536 bytes. One that is marked for deletion is not handed out.",
		Remedy: []string{"Look at what is stored there, or at what the service says."},
		Class:  Permanent,
	},
	"web-identity-token-unreadable": {
		Title:  "the file of a web identity's token cannot be read",
		Cause:  "Whoever runs waybill puts a token there: the kubelet for a pod's service account, or a step of a CI job.",
		Remedy: []string{"Correct token_file, or see to it that the token is there before waybill starts and that its user may read it."},
		Class:  Permanent,
	},
	"web-identity-token-rejected": {
		Title:  "STS does not accept the token of a web identity",
		Cause:  "It is no valid token, its issuer is no identity provider of the role's account, or it is for another audience.",
		Remedy: []string{"Compare the token's issuer and audience with the identity provider in IAM of the role's account."},
		Class:  Permanent,
	},
	"web-identity-token-expired": {
		Title:  "the token of a web identity has expired",
		Cause:  "Tokens live shortly, so somebody has to renew the file. waybill reads it again at each try.",
		Remedy: []string{"See to it that the file is renewed: a pod's is by the kubelet, that of a CI job only by a new job."},
		Class:  Transient,
	},
	"web-identity-provider-unreachable": {
		Title:  "STS cannot reach the identity provider of a token",
		Cause:  "STS fetches the provider's keys from its issuer URL.",
		Remedy: []string{"waybill tries again. If it stays so, check that the issuer's /.well-known/openid-configuration can be read from the internet."},
		Class:  Transient,
	},
	"secret-throttled":   {Title: "the service that keeps a secret asks us to slow down", Remedy: []string{"Nothing: waybill waits and tries again."}, Class: Throttled},
	"secret-unreachable": {Title: "the service that keeps a secret cannot be reached", Cause: "DNS, TLS, a proxy or the network is in the way, or the region has no such endpoint.", Remedy: []string{"waybill tries again. If it stays so, check the region and the proxy settings (HTTPS_PROXY, NO_PROXY)."}, Class: Transient},
}
