package s3

// findResumable chooses the uploads to go on with: the newest of each artifact
// that was opened for the same bytes with the same options.
func (r *run) findResumable() (map[string]string, error) {
	var err error
	if r.options, err = r.cfg.fingerprint(); err != nil {
		return nil, err
	}
	type wanted struct {
		sha256 string
		size   int64
	}
	want := map[string]wanted{}
	for _, a := range r.d.Artifacts {
		want[a.Key] = wanted{a.SHA256, a.Size}
	}
	there := delivered(r.d.Intents)
	found := map[string]string{}
	for _, in := range r.d.Intents { // oldest first
		_, done := there[in.Key]
		same := in.SHA256 != "" && want[in.Key] == wanted{in.SHA256, in.Size} && in.Options == r.options
		if in.UploadID != "" && !in.Settled && !done && same {
			found[in.Key] = in.UploadID
		}
	}
	return found, nil
}
