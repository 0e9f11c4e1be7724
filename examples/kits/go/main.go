// SPDX-License-Identifier: MIT OR Apache-2.0

// A tool in Go that greets.
package main

import (
	"encoding/json"
	"fmt"
)

type request struct {
	Name      string `json:"name"`
	Arguments []byte `json:"arguments"` // JSON text, as a list of its bytes
}

//go:wasmexport astrid_tool_call
func toolCall() int32 {
	answer, err := call(input())
	if err != nil {
		fail(err.Error())
		return 1
	}
	output(answer)
	return 0
}

func call(data []byte) ([]byte, error) {
	var asked request
	if err := json.Unmarshal(data, &asked); err != nil {
		return nil, err
	}
	if asked.Name == "hello" {
		return hello(asked.Arguments)
	}
	return nil, fmt.Errorf("unknown tool: %s", asked.Name)
}

func hello(arguments []byte) ([]byte, error) {
	var person struct {
		Name *string `json:"name"`
	}
	if err := json.Unmarshal(arguments, &person); err != nil {
		return nil, err
	}
	if person.Name == nil {
		return nil, fmt.Errorf("the argument `name` is missing")
	}
	return json.Marshal(map[string]string{"greeting": "Hello, " + *person.Name + "!"})
}

func main() {} // not called: the module is a library
