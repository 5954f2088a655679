// Go's `jwx` for ../protocol.md.
package main

import (
	"bufio"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

type file struct {
	Form string `json:"form"`
	Path string `json:"path"`
}

type request struct {
	Op, Alg, Enc, Kid, Text, Message string
	Private, Public                  file
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked request
		answer := map[string]string{}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			answer["error"] = err.Error()
		} else if said, err := asked.answer(); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["said"] = said
		}
		line, _ := json.Marshal(answer)
		fmt.Println(string(line))
	}
}

func (r request) answer() (string, error) {
	switch r.Op {
	case "read":
		return r.read()
	case "sign":
		return r.sign()
	case "verify":
		return r.verify()
	case "encrypt":
		return r.encrypt()
	case "decrypt":
		return r.decrypt()
	}
	return "", fmt.Errorf("unknown operation %q", r.Op)
}

func (r request) set(from file) (jwk.Set, error) {
	octets, err := os.ReadFile(from.Path)
	if err != nil {
		return nil, err
	}
	switch from.Form {
	case "jwks":
		return jwk.Parse(octets)
	case "pem":
		key, err := jwk.ParseKey(octets, jwk.WithPEM(true))
		if err != nil {
			return nil, err
		}
		set := jwk.NewSet()
		_ = key.Set(jwk.KeyIDKey, r.Kid)
		return set, set.AddKey(key)
	}
	return nil, fmt.Errorf("jwx does not read %s", from.Form)
}

func (r request) key(from file) (jwk.Key, error) {
	set, err := r.set(from)
	if err != nil {
		return nil, err
	}
	key, found := set.LookupKeyID(r.Kid)
	if !found {
		return nil, fmt.Errorf("no key with that kid was read")
	}
	return key, nil
}

func (r request) read() (string, error) {
	var prints [2]string
	for i, from := range []file{r.Private, r.Public} {
		key, err := r.key(from)
		if err != nil {
			return "", err
		}
		octets, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return "", err
		}
		prints[i] = base64.RawURLEncoding.EncodeToString(octets)
	}
	if prints[0] != prints[1] {
		return "", fmt.Errorf("the public half is another")
	}
	return prints[0], nil
}

func (r request) signs() (jwa.SignatureAlgorithm, error) {
	alg, known := jwa.LookupSignatureAlgorithm(r.Alg)
	if !known {
		return alg, fmt.Errorf("jwx knows no signature algorithm %s", r.Alg)
	}
	return alg, nil
}

func (r request) encrypts() (jwa.KeyEncryptionAlgorithm, error) {
	alg, known := jwa.LookupKeyEncryptionAlgorithm(r.Alg)
	if !known {
		return alg, fmt.Errorf("jwx knows no key encryption algorithm %s", r.Alg)
	}
	return alg, nil
}

func (r request) sign() (string, error) {
	alg, err := r.signs()
	if err != nil {
		return "", err
	}
	key, err := r.key(r.Private)
	if err != nil {
		return "", err
	}
	message, err := jws.Sign([]byte(r.Text), jws.WithKey(alg, key))
	return string(message), err
}

func (r request) verify() (string, error) {
	alg, err := r.signs()
	if err != nil {
		return "", err
	}
	if r.Public.Form == "jwks" {
		set, err := r.set(r.Public)
		if err != nil {
			return "", err
		}
		text, err := jws.Verify([]byte(r.Message), jws.WithKeySet(set))
		return string(text), err
	}
	key, err := r.key(r.Public)
	if err != nil {
		return "", err
	}
	text, err := jws.Verify([]byte(r.Message), jws.WithKey(alg, key))
	return string(text), err
}

func (r request) encrypt() (string, error) {
	alg, err := r.encrypts()
	if err != nil {
		return "", err
	}
	content, known := jwa.LookupContentEncryptionAlgorithm(r.Enc)
	if !known {
		return "", fmt.Errorf("jwx knows no content encryption %s", r.Enc)
	}
	key, err := r.key(r.Public)
	if err != nil {
		return "", err
	}
	message, err := jwe.Encrypt([]byte(r.Text), jwe.WithKey(alg, key), jwe.WithContentEncryption(content))
	return string(message), err
}

func (r request) decrypt() (string, error) {
	alg, err := r.encrypts()
	if err != nil {
		return "", err
	}
	key, err := r.key(r.Private)
	if err != nil {
		return "", err
	}
	text, err := jwe.Decrypt([]byte(r.Message), jwe.WithKey(alg, key))
	return string(text), err
}
