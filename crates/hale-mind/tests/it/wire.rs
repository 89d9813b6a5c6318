//! What is sent to each provider, byte for byte, and how its answers are understood.

use hale_mind::{Delta, Message, Part, Purpose, Role, Stop, ToolSpec};
use hale_testkit::model_server::{INPUT_TOKENS, ModelServer, OUTPUT_TOKENS, Turn, Wire};
use serde_json::{Value, json};

use crate::support::{KEY, ask, ask_and_listen, block_on, config, mind, provider, request};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"cause": {"type": "string"}, "sure": {"type": "boolean"}},
        "required": ["cause", "sure"],
        "additionalProperties": false,
    })
}

fn look() -> ToolSpec {
    ToolSpec {
        name: "read_journal".to_owned(),
        description: "Lines of the journal of one unit.".to_owned(),
        input_schema: json!({"type": "object", "properties": {"unit": {"type": "string"}}}),
    }
}

#[test]
fn words_arrive_as_they_are_streamed_and_what_they_cost_is_known() {
    for wire in Wire::ALL {
        let server =
            ModelServer::start(wire, vec![Turn::Text("The disk is full: 디스크.".to_owned())]);
        let mind = mind(&config(vec![provider(wire, &server)]));
        let (reply, heard) = ask_and_listen(&mind, &request("why?"));
        let reply = reply.unwrap();
        assert_eq!(reply.text, "The disk is full: 디스크.", "{wire:?}");
        assert_eq!(reply.stop, Stop::End);
        assert_eq!(
            (reply.usage.input_tokens, reply.usage.output_tokens),
            (INPUT_TOKENS, OUTPUT_TOKENS)
        );
        assert!(!reply.usage_is_estimated);
        assert_eq!(reply.cost_usd > 0.0, wire != Wire::Ollama, "{wire:?}");
        assert_eq!(reply.provider, wire.provider());
        assert!(
            matches!(&heard[0], Delta::Asking { provider, .. } if *provider == wire.provider())
        );
        let words: Vec<&str> = heard
            .iter()
            .filter_map(|d| if let Delta::Text(text) = d { Some(text.as_str()) } else { None })
            .collect();
        assert_eq!(words.len(), 2, "{wire:?}: in two pieces: {words:?}");
        assert_eq!(words.concat(), reply.text);
    }
}

#[test]
fn reasoning_is_news_and_no_part_of_the_answer() {
    for wire in Wire::ALL {
        let turn = Turn::Thought("let me see".to_owned(), "It is the log.".to_owned());
        let server = ModelServer::start(wire, vec![turn]);
        let (reply, heard) =
            ask_and_listen(&mind(&config(vec![provider(wire, &server)])), &request("?"));
        assert_eq!(reply.unwrap().text, "It is the log.", "{wire:?}");
        let thoughts: String = heard
            .iter()
            .filter_map(|d| if let Delta::Thought(text) = d { Some(text.as_str()) } else { None })
            .collect();
        assert_eq!(thoughts, "let me see", "{wire:?}");
    }
}

/// A whole investigation: two tools called, their results given, a JSON answer at the end.
#[test]
fn a_conversation_with_tools_ends_in_the_answer_of_the_schema() {
    for wire in Wire::ALL {
        let calls = vec![
            ("read_journal".to_owned(), json!({"unit": "nginx.service"})),
            ("read_journal".to_owned(), json!({"unit": "mysql.service"})),
        ];
        let server = ModelServer::start(
            wire,
            vec![Turn::Tools(calls), Turn::Answer(json!({"cause": "a full disk", "sure": true}))],
        );
        let mind = mind(&config(vec![provider(wire, &server)]));
        let mut request = request("why does nginx fail?");
        request.tools = vec![look()];
        request.answer_schema = Some(schema());
        let first = ask(&mind, &request).unwrap();
        assert_eq!(first.stop, Stop::ToolCalls, "{wire:?}");
        assert_eq!(first.answer, None);
        let units: Vec<&Value> = first.tool_calls.iter().map(|call| &call.input["unit"]).collect();
        assert_eq!(units, ["nginx.service", "mysql.service"], "{wire:?}");
        assert_ne!(first.tool_calls[0].id, first.tool_calls[1].id);

        request.messages.push(first.message());
        let results = first.tool_calls.iter().enumerate().map(|(at, call)| Part::ToolResult {
            id: call.id.clone(),
            name: call.name.clone(),
            content: format!("no space left on device {at}"),
            is_error: at == 1,
        });
        request.messages.push(Message { role: Role::User, content: results.collect() });
        let reply = block_on(mind.ask(&request, Purpose::Continued, &mut |_| {})).unwrap();
        assert_eq!(reply.answer, Some(json!({"cause": "a full disk", "sure": true})), "{wire:?}");
        assert_eq!(reply.stop, Stop::End, "{wire:?}");
        assert_eq!(reply.tool_calls, []);

        let sent = server.requests();
        assert_eq!(sent.len(), 2);
        // Ids survive the round trip where the wire has them.
        let text = sent[1].text();
        for (at, call) in first.tool_calls.iter().enumerate() {
            assert!(text.contains(&format!("no space left on device {at}")), "{wire:?}");
            let has_ids = matches!(wire, Wire::Anthropic | Wire::OpenAi);
            assert_eq!(text.matches(&call.id).count(), if has_ids { 2 } else { 0 }, "{wire:?}");
        }
        // Gemini wants the signature of its reasoning back.
        assert_eq!(text.contains("CiIBVKhc7g"), wire == Wire::Gemini, "{wire:?}");
    }
}

#[test]
fn a_schema_without_tools_is_answered_at_once() {
    for wire in Wire::ALL {
        let answer = json!({"cause": "swap", "sure": false});
        let server = ModelServer::start(wire, vec![Turn::Answer(answer.clone())]);
        let mut request = request("?");
        request.answer_schema = Some(schema());
        let reply = ask(&mind(&config(vec![provider(wire, &server)])), &request).unwrap();
        assert_eq!(reply.answer, Some(answer.clone()), "{wire:?}");
        assert_eq!(serde_json::from_str::<Value>(&reply.text).unwrap(), answer);
    }
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    for wire in Wire::ALL {
        let server = ModelServer::start(wire, vec![Turn::Whole("all at once".to_owned())]);
        let reply = ask(&mind(&config(vec![provider(wire, &server)])), &request("?")).unwrap();
        assert_eq!(
            (reply.text.as_str(), reply.model.as_str()),
            ("all at once", "whole"),
            "{wire:?}"
        );
        assert_eq!(reply.usage.output_tokens, OUTPUT_TOKENS);
    }
}

#[test]
fn an_answer_cut_by_the_limit_says_so() {
    for wire in Wire::ALL {
        let server = ModelServer::start(wire, vec![Turn::CutByLimit("the cause is".to_owned())]);
        let reply = ask(&mind(&config(vec![provider(wire, &server)])), &request("?")).unwrap();
        assert_eq!(reply.stop, Stop::MaxTokens, "{wire:?}");
    }
}

#[test]
fn the_bytes_that_are_shown_are_the_bytes_that_leave() {
    for wire in Wire::ALL {
        let server = ModelServer::start(wire, vec![Turn::Text("ok".to_owned())]);
        let mind = mind(&config(vec![provider(wire, &server)]));
        let mut request = request("why \"?\" \u{1F4BE}");
        request.tools = vec![look()];
        request.answer_schema = Some(schema());
        let shown = mind.outgoing(&request);
        ask(&mind, &request).unwrap();
        let sent = &server.requests()[0];
        assert_eq!(shown[0].body, sent.text(), "{wire:?}");
        assert!(shown[0].url.ends_with(&sent.path), "{} {}", shown[0].url, sent.path);
        for (name, value) in &shown[0].headers {
            assert_eq!(sent.header(name), Some(value.as_str()), "{wire:?}");
        }
        assert!(!format!("{shown:?}").contains(KEY));
    }
}

/// The key goes into the header that the provider reads, and nowhere else.
#[test]
fn each_provider_gets_its_key_its_own_way() {
    for (wire, header, value) in [
        (Wire::Anthropic, "x-api-key", KEY.to_owned()),
        (Wire::Gemini, "x-goog-api-key", KEY.to_owned()),
        (Wire::OpenAi, "authorization", format!("Bearer {KEY}")),
    ] {
        let server = ModelServer::start(wire, vec![Turn::Text("ok".to_owned())]);
        ask(&mind(&config(vec![provider(wire, &server)])), &request("?")).unwrap();
        let sent = &server.requests()[0];
        let holding: Vec<&str> = sent
            .headers
            .iter()
            .filter(|(_, v)| v.contains(KEY))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(holding, [header]);
        assert_eq!(sent.header(header), Some(value.as_str()));
        assert!(!sent.text().contains(KEY) && !sent.path.contains(KEY));
    }
    let server = ModelServer::start(Wire::Ollama, vec![Turn::Text("ok".to_owned())]);
    ask(&mind(&config(vec![provider(Wire::Ollama, &server)])), &request("?")).unwrap();
    assert!(!format!("{:?}", server.requests()).contains(KEY));
}

fn body_with_everything(wire: Wire) -> Value {
    let server = ModelServer::start(wire, vec![]);
    let mind = mind(&config(vec![provider(wire, &server)]));
    let mut request = request("why?");
    request.tools = vec![look()];
    request.answer_schema = Some(schema());
    request.messages.push(Message {
        role: Role::Assistant,
        content: vec![Part::ToolCall(hale_mind::ToolCall {
            id: "call_0".to_owned(),
            name: "read_journal".to_owned(),
            input: json!({"unit": "a"}),
            signature: Some("sig".to_owned()),
        })],
    });
    request.messages.push(Message {
        role: Role::User,
        content: vec![Part::ToolResult {
            id: "call_0".to_owned(),
            name: "read_journal".to_owned(),
            content: "killed".to_owned(),
            is_error: false,
        }],
    });
    serde_json::from_str(&mind.outgoing(&request)[0].body).unwrap()
}

#[test]
fn what_anthropic_is_sent() {
    insta::assert_compact_json_snapshot!(body_with_everything(Wire::Anthropic), @r#"
    {
      "model": "claude-sonnet-4-5",
      "max_tokens": 500,
      "stream": true,
      "messages": [
        {
          "role": "user",
          "content": [
            {
              "type": "text",
              "text": "why?"
            }
          ]
        },
        {
          "role": "assistant",
          "content": [
            {
              "type": "tool_use",
              "id": "call_0",
              "name": "read_journal",
              "input": {
                "unit": "a"
              }
            }
          ]
        },
        {
          "role": "user",
          "content": [
            {
              "type": "tool_result",
              "tool_use_id": "call_0",
              "content": "killed",
              "is_error": false
            }
          ]
        }
      ],
      "system": "You keep a Linux machine healthy.",
      "tool_choice": {
        "type": "any"
      },
      "tools": [
        {
          "name": "read_journal",
          "description": "Lines of the journal of one unit.",
          "input_schema": {
            "type": "object",
            "properties": {
              "unit": {
                "type": "string"
              }
            }
          }
        },
        {
          "name": "final_answer",
          "description": "Give the final answer. Call it once, when nothing more has to be looked up.",
          "input_schema": {
            "type": "object",
            "properties": {
              "cause": {
                "type": "string"
              },
              "sure": {
                "type": "boolean"
              }
            },
            "required": [
              "cause",
              "sure"
            ],
            "additionalProperties": false
          }
        }
      ]
    }
    "#);
}

#[test]
fn what_gemini_is_sent() {
    insta::assert_compact_json_snapshot!(body_with_everything(Wire::Gemini), @r#"
    {
      "contents": [
        {
          "role": "user",
          "parts": [
            {
              "text": "why?"
            }
          ]
        },
        {
          "role": "model",
          "parts": [
            {
              "functionCall": {
                "name": "read_journal",
                "args": {
                  "unit": "a"
                }
              },
              "thoughtSignature": "sig"
            }
          ]
        },
        {
          "role": "user",
          "parts": [
            {
              "functionResponse": {
                "name": "read_journal",
                "response": {
                  "output": "killed"
                }
              }
            }
          ]
        }
      ],
      "generationConfig": {
        "maxOutputTokens": 500
      },
      "systemInstruction": {
        "parts": [
          {
            "text": "You keep a Linux machine healthy."
          }
        ]
      },
      "toolConfig": {
        "functionCallingConfig": {
          "mode": "ANY"
        }
      },
      "tools": [
        {
          "functionDeclarations": [
            {
              "name": "read_journal",
              "description": "Lines of the journal of one unit.",
              "parametersJsonSchema": {
                "type": "object",
                "properties": {
                  "unit": {
                    "type": "string"
                  }
                }
              }
            },
            {
              "name": "final_answer",
              "description": "Give the final answer. Call it once, when nothing more has to be looked up.",
              "parametersJsonSchema": {
                "type": "object",
                "properties": {
                  "cause": {
                    "type": "string"
                  },
                  "sure": {
                    "type": "boolean"
                  }
                },
                "required": [
                  "cause",
                  "sure"
                ],
                "additionalProperties": false
              }
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn what_openai_is_sent() {
    insta::assert_compact_json_snapshot!(body_with_everything(Wire::OpenAi), @r#"
    {
      "model": "gpt-4o",
      "stream": true,
      "max_tokens": 500,
      "stream_options": {
        "include_usage": true
      },
      "response_format": {
        "type": "json_schema",
        "json_schema": {
          "name": "answer",
          "schema": {
            "type": "object",
            "properties": {
              "cause": {
                "type": "string"
              },
              "sure": {
                "type": "boolean"
              }
            },
            "required": [
              "cause",
              "sure"
            ],
            "additionalProperties": false
          },
          "strict": true
        }
      },
      "tools": [
        {
          "type": "function",
          "function": {
            "name": "read_journal",
            "description": "Lines of the journal of one unit.",
            "parameters": {
              "type": "object",
              "properties": {
                "unit": {
                  "type": "string"
                }
              }
            }
          }
        }
      ],
      "messages": [
        {
          "role": "system",
          "content": "You keep a Linux machine healthy."
        },
        {
          "role": "user",
          "content": "why?"
        },
        {
          "role": "assistant",
          "content": null,
          "tool_calls": [
            {
              "id": "call_0",
              "type": "function",
              "function": {
                "name": "read_journal",
                "arguments": "{\"unit\":\"a\"}"
              }
            }
          ]
        },
        {
          "role": "tool",
          "tool_call_id": "call_0",
          "content": "killed"
        }
      ]
    }
    "#);
}

#[test]
fn what_ollama_is_sent() {
    insta::assert_compact_json_snapshot!(body_with_everything(Wire::Ollama), @r#"
    {
      "model": "qwen2.5:7b",
      "stream": true,
      "tools": [
        {
          "type": "function",
          "function": {
            "name": "read_journal",
            "description": "Lines of the journal of one unit.",
            "parameters": {
              "type": "object",
              "properties": {
                "unit": {
                  "type": "string"
                }
              }
            }
          }
        }
      ],
      "messages": [
        {
          "role": "system",
          "content": "You keep a Linux machine healthy.\n\nWhen nothing more has to be looked up, answer with one JSON object and nothing else. It must fit this JSON Schema:\n{\"type\":\"object\",\"properties\":{\"cause\":{\"type\":\"string\"},\"sure\":{\"type\":\"boolean\"}},\"required\":[\"cause\",\"sure\"],\"additionalProperties\":false}"
        },
        {
          "role": "user",
          "content": "why?"
        },
        {
          "role": "assistant",
          "content": "",
          "tool_calls": [
            {
              "function": {
                "name": "read_journal",
                "arguments": {
                  "unit": "a"
                }
              }
            }
          ]
        },
        {
          "role": "tool",
          "tool_name": "read_journal",
          "content": "killed"
        }
      ],
      "options": {
        "num_predict": 500,
        "num_ctx": 8192
      }
    }
    "#);
}

/// Gemini 3 refuses a call without a signature, and a call of another provider has none.
#[test]
fn a_conversation_goes_over_from_another_provider_to_gemini_3() {
    let call = |id: &str, signature: Option<&str>| {
        Part::ToolCall(hale_mind::ToolCall {
            id: id.to_owned(),
            name: "read_journal".to_owned(),
            input: json!({}),
            signature: signature.map(str::to_owned),
        })
    };
    let mut request = request("?");
    for calls in [vec![call("a", None), call("b", None)], vec![call("c", Some("real"))]] {
        request.messages.push(Message { role: Role::Assistant, content: calls });
    }
    let server = ModelServer::start(Wire::Gemini, vec![]);
    let signatures = |model: &str| {
        let provider = hale_model::config::AiProvider {
            model: model.to_owned(),
            ..provider(Wire::Gemini, &server)
        };
        let body = mind(&config(vec![provider])).outgoing(&request).remove(0).body;
        let body: Value = serde_json::from_str(&body).unwrap();
        let parts = body["contents"].as_array().unwrap().iter().skip(1);
        parts
            .flat_map(|content| content["parts"].as_array().unwrap().clone())
            .map(|part| part["thoughtSignature"].as_str().unwrap_or("-").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        signatures("gemini-3-pro-preview"),
        ["skip_thought_signature_validator", "-", "real"]
    );
    assert_eq!(signatures("gemini-2.5-pro"), ["-", "-", "real"]);
}

/// Servers of the OpenAI kind do not all know the same parameters.
#[test]
fn what_a_server_does_not_take_is_left_out_and_stays_out() {
    let server = ModelServer::start_with(Wire::OpenAi, |_, request| {
        let body = request.json();
        if body.get("stream_options").is_some() {
            return Turn::error(400, "Unrecognized request argument supplied: stream_options");
        }
        if body.get("response_format").is_some() {
            return Turn::error(422, "response_format.type json_schema is not supported");
        }
        if body.get("max_tokens").is_some() {
            return Turn::error(
                400,
                "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            );
        }
        Turn::Answer(json!({"cause": "load", "sure": true}))
    });
    let mind = mind(&config(vec![provider(Wire::OpenAi, &server)]));
    let mut request = request("?");
    request.answer_schema = Some(schema());
    assert_eq!(ask(&mind, &request).unwrap().answer, Some(json!({"cause": "load", "sure": true})));
    assert_eq!(server.requests().len(), 4);
    // The schema is told in words instead.
    let body = server.requests()[3].json();
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("\"cause\""));
    ask(&mind, &request).unwrap();
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn a_server_that_refuses_everything_is_not_asked_for_ever() {
    let server = ModelServer::start_with(Wire::OpenAi, |_, _| {
        Turn::error(
            400,
            "stream_options response_format max_tokens max_completion_tokens reasoning_effort",
        )
    });
    assert!(ask(&mind(&config(vec![provider(Wire::OpenAi, &server)])), &request("?")).is_err());
    assert!(server.requests().len() <= 6);
}

#[test]
fn texts_become_vectors_in_their_order() {
    for wire in [Wire::Gemini, Wire::OpenAi, Wire::Ollama] {
        let server = ModelServer::start(
            wire,
            vec![
                Turn::Vectors(vec![vec![0.5, 1.0], vec![-0.25, 0.0]]),
                Turn::Vectors(vec![vec![1.0]]),
            ],
        );
        let mut provider = provider(wire, &server);
        provider.embedding_model = "embedder".to_owned();
        let mind = mind(&config(vec![provider]));
        let texts = ["a disk".to_owned(), "a net".to_owned()];
        let found = block_on(mind.embed(&texts)).unwrap().unwrap();
        assert_eq!(found.vectors, [vec![0.5, 1.0], vec![-0.25, 0.0]], "{wire:?}");
        assert_eq!(found.model, format!("{}/embedder", wire.provider()));
        // One vector for two texts is no answer.
        assert!(block_on(mind.embed(&texts)).is_err(), "{wire:?}");
    }
    let server = ModelServer::start(Wire::Anthropic, vec![]);
    let mind = mind(&config(vec![provider(Wire::Anthropic, &server)]));
    assert_eq!(block_on(mind.embed(&["a".to_owned()])).unwrap(), None);
    assert!(server.requests().is_empty());
}
