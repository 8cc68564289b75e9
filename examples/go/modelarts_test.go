// Package modelarts shows tests against the emulator with the standard library only: go test
package modelarts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

func baseURL() string {
	if url := os.Getenv("MODELARTS_EMULATOR_URL"); url != "" {
		return url
	}
	return "http://127.0.0.1:8765"
}

// call sends a JSON request and decodes the answer into out, unless out is nil.
func call(t *testing.T, method, path string, body, out any) int {
	t.Helper()
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, baseURL()+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if out != nil {
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return answer.StatusCode
}

// put stores an object; an empty key creates the bucket.
func put(t *testing.T, bucket, key, content string) {
	t.Helper()
	path := "/" + bucket
	if key != "" {
		path += "/" + key
	}
	request, err := http.NewRequest("PUT", baseURL()+path, bytes.NewReader([]byte(content)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "any")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", path, answer.Status)
	}
}

type samplesPage struct {
	SampleCount int `json:"sample_count"`
	Samples     []struct {
		SampleID string `json:"sample_id"`
	} `json:"samples"`
}

// newDataset makes a dataset in a project and a bucket of the test's own.
func newDataset(t *testing.T) (project, path string) {
	t.Helper()
	number := time.Now().UnixNano()
	project, bucket := fmt.Sprintf("project-%d", number), fmt.Sprintf("bucket-%d", number)
	put(t, bucket, "", "")
	put(t, bucket, "in/texts.txt", "first\nsecond\n")
	var created struct {
		DatasetID string `json:"dataset_id"`
	}
	status := call(t, "POST", "/v2/"+project+"/datasets", map[string]any{
		"dataset_name": "texts", "dataset_type": 100, "work_path": "/" + bucket + "/out/", "work_path_type": 0,
		"data_sources": []any{map[string]any{"data_type": 0, "data_path": "/" + bucket + "/in/"}},
	}, &created)
	if status != http.StatusCreated {
		t.Fatalf("create: %d", status)
	}
	call(t, "POST", "/_emulator/wait-idle?project_id="+project, nil, nil)
	return project, "/v2/" + project + "/datasets/" + created.DatasetID
}

func TestLabel(t *testing.T) {
	_, dataset := newDataset(t)
	samples := dataset + "/data-annotations/samples"
	var page samplesPage
	call(t, "GET", samples, nil, &page)
	if page.SampleCount != 2 {
		t.Fatalf("%d samples", page.SampleCount)
	}
	label := map[string]any{"name": "greeting", "type": 100}
	change := map[string]any{"sample_id": page.Samples[0].SampleID, "labels": []any{label}}
	if status := call(t, "PUT", samples, map[string]any{"samples": []any{change}}, nil); status != http.StatusOK {
		t.Fatalf("label: %d", status)
	}
	call(t, "GET", samples+"?label_name=greeting", nil, &page)
	if page.SampleCount != 1 {
		t.Fatalf("%d labelled", page.SampleCount)
	}
}

func TestFault(t *testing.T) {
	project, dataset := newDataset(t)
	fault := map[string]any{"operation": "DescDataset", "project_id": project, "status": 503, "times": 1}
	call(t, "POST", "/_emulator/faults", fault, nil)
	if first, second := call(t, "GET", dataset, nil, nil), call(t, "GET", dataset, nil, nil); first != 503 || second != 200 {
		t.Fatalf("%d, %d", first, second)
	}
}
