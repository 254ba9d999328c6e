// A client made of golang.org/x/oauth2: an act a line in, its outcome a line out, both JSON (see ../lives.py).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type asked struct {
	Act  string `json:"act"`
	With struct {
		Grant        string `json:"grant"`
		Auth         string `json:"auth"`
		TokenURL     string `json:"token_url"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RefreshToken string `json:"refresh_token"`
		URL          string `json:"url"`
	} `json:"with"`
}

var styles = map[string]oauth2.AuthStyle{
	"unset": oauth2.AuthStyleAutoDetect,
	"basic": oauth2.AuthStyleInHeader,
	"post":  oauth2.AuthStyleInParams,
	"none":  oauth2.AuthStyleInHeader,
}

var source oauth2.TokenSource

func start(a asked) {
	w := a.With
	if w.Grant == "client_credentials" {
		config := clientcredentials.Config{
			ClientID: w.ClientID, ClientSecret: w.ClientSecret, TokenURL: w.TokenURL, AuthStyle: styles[w.Auth],
		}
		source = config.TokenSource(context.Background())
		return
	}
	config := oauth2.Config{
		ClientID: w.ClientID, ClientSecret: w.ClientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: w.TokenURL, AuthStyle: styles[w.Auth]},
	}
	source = config.TokenSource(context.Background(), &oauth2.Token{RefreshToken: w.RefreshToken})
}

func call(url string) (map[string]any, error) {
	response, err := oauth2.NewClient(context.Background(), source).Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	token, err := source.Token()
	if err != nil {
		return nil, err
	}
	return map[string]any{"status": response.StatusCode, "token": token.AccessToken}, nil
}

func do(a asked) (map[string]any, error) {
	if a.Act == "start" {
		start(a)
		return nil, nil
	}
	return call(a.With.URL)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var a asked
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			panic(err)
		}
		returned, err := do(a)
		outcome := map[string]any{"returned": returned}
		if err != nil {
			var refused *oauth2.RetrieveError
			if errors.As(err, &refused) { // what the HTTP client wrapped with the address of the call
				err = refused
			}
			outcome = map[string]any{"raised": map[string]any{"type": fmt.Sprintf("%T", err), "text": err.Error()}}
		}
		told, _ := json.Marshal(outcome)
		fmt.Println(string(told))
	}
}
