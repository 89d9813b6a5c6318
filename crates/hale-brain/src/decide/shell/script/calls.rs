//! Calls that are folded: modules looked up, strings decoded and put together.

use super::super::produce;
use super::*;

impl Folder<'_> {
    /// A call by name: folding functions here, the rest is told to the host.
    pub(super) fn called(&mut self, name: &str, arguments: &[Value]) -> Value {
        let first = arguments.first();
        let last = name.rsplit(['.', ':']).next().unwrap_or(name);
        let single = |f: fn(&str) -> Option<String>| match first {
            Some(Value::Text(t)) if text::is_literal(t) => {
                f(t).map(Value::Text).unwrap_or(Value::Unknown)
            }
            _ => Value::Unknown,
        };
        match (name, last) {
            (_, "__import__" | "require" | "import_module") => match first {
                Some(Value::Text(module)) => {
                    Value::Name(module.trim_start_matches("node:").to_owned())
                }
                _ => Value::Unknown,
            },
            (_, "sprintf") | ("string.format" | "util.format" | "format", _)
                if !arguments.is_empty() =>
            {
                let texts: Vec<String> = arguments.iter().map(Value::text).collect();
                Value::Text(text::bounded(produce::formatted(&texts)))
            }
            ("table.concat", _) => match arguments {
                [Value::List(items)] => joined("", items),
                [Value::List(items), separator, ..] => joined(&separator.text(), items),
                _ => Value::Unknown,
            },
            // sqlalchemy.text("SELECT 1")
            (_, "text")
                if self.language == Language::Python && matches!(first, Some(Value::Text(_))) =>
            {
                first.cloned().unwrap_or(Value::Unknown)
            }
            ("vars", _) if matches!(first, Some(Value::Name(_))) => {
                first.cloned().unwrap_or(Value::Unknown)
            }
            // send(:system, …), call_user_func("system", …)
            (_, "send" | "public_send" | "__send__") | ("call_user_func", _)
                if matches!(first, Some(Value::Text(f)) if text::is_literal(f))
                    && matches!(self.language, Language::Ruby | Language::Php) =>
            {
                let function = first.map(Value::text).unwrap_or_default();
                self.deeper(&function, arguments.get(1..).unwrap_or_default())
            }
            ("call_user_func_array" | "array_map" | "array_walk", _)
                if matches!(arguments, [Value::Text(_), Value::List(_), ..]) =>
            {
                let function = first.map(Value::text).unwrap_or_default();
                let Some(Value::List(items)) = arguments.get(1) else { return Value::Unknown };
                if name == "array_map" {
                    for item in items {
                        self.deeper(&function, std::slice::from_ref(item));
                    }
                    return Value::Unknown;
                }
                self.deeper(&function, items)
            }
            (
                _,
                "decompress" | "gzinflate" | "gzuncompress" | "gzdecode" | "inflate" | "gunzip"
                | "inflateSync" | "gunzipSync" | "unzipSync" | "inflateRawSync" | "uncompress"
                | "memGunzip" | "zlib_decode",
            ) if first.is_some() => first
                .and_then(|packed| super::super::packed::unpacked(&packed.text()))
                .map_or(Value::Unknown, Value::Text),
            ("getattr", _) => match arguments {
                [Value::Name(object), Value::Text(attribute), ..] => {
                    Value::Name(format!("{object}.{attribute}"))
                }
                _ => {
                    self.host.call("exec", &[Value::Unknown]);
                    Value::Unknown
                }
            },
            (_, "chr" | "fromCharCode" | "char") => {
                let characters: Option<String> = arguments
                    .iter()
                    .map(|a| match a {
                        Value::Number(n) => u32::try_from(*n).ok().and_then(char::from_u32),
                        _ => None,
                    })
                    .collect();
                characters.map_or(Value::Unknown, Value::Text)
            }
            (
                _,
                "b64decode" | "urlsafe_b64decode" | "base64_decode" | "decode64"
                | "strict_decode64" | "atob" | "decode_base64" | "standard_b64decode",
            ) => single(|t| decode_base(t, false)),
            (_, "b32decode") => single(|t| decode_base(t, true)),
            (_, "fromhex" | "unhexlify" | "hex2bin" | "a2b_hex") => single(decode_hex),
            (_, "strrev" | "reverse") if first.is_some() => {
                single(|t| Some(t.chars().rev().collect()))
            }
            (_, "str_rot13") => single(|t| Some(rot13(t))),
            ("Buffer.from", _) => match arguments {
                [Value::Text(t), Value::Text(encoding), ..] => match encoding.as_str() {
                    "base64" => decode_base(t, false).map_or(Value::Unknown, Value::Text),
                    "hex" => decode_hex(t).map_or(Value::Unknown, Value::Text),
                    _ => Value::Text(t.clone()),
                },
                _ => first.cloned().unwrap_or(Value::Unknown),
            },
            ("codecs.decode", _) => match arguments {
                [Value::Text(t), Value::Text(codec), ..] if codec.starts_with("rot") => {
                    Value::Text(rot13(t))
                }
                [Value::Text(t), Value::Text(codec), ..] if codec.starts_with("hex") => {
                    decode_hex(t).map_or(Value::Unknown, Value::Text)
                }
                [Value::Text(t), Value::Text(codec), ..] if codec.starts_with("base64") => {
                    decode_base(t, false).map_or(Value::Unknown, Value::Text)
                }
                _ => Value::Unknown,
            },
            (
                "str" | "bytes" | "bytearray" | "String" | "Path" | "pathlib.Path" | "PurePath"
                | "list" | "tuple" | "sorted" | "set" | "os.fspath" | "unescape"
                | "decodeURIComponent" | "compile" | "os.path.abspath" | "os.path.realpath"
                | "Pathname.new",
                _,
            ) => match arguments {
                [Value::List(items)] if last == "bytes" => bytes_of(items),
                _ => first.cloned().unwrap_or(Value::Text(String::new())),
            },
            (
                "shlex.split"
                | "Shellwords.split"
                | "Shellwords.shellsplit"
                | "shellsplit"
                | "shellwords",
                _,
            ) => match first {
                Some(Value::Text(line)) => words_of(line),
                _ => Value::Unknown,
            },
            ("os.path.join" | "path.join" | "File.join" | "posixpath.join", _) => {
                let parts: Vec<String> = arguments.iter().map(Value::text).collect();
                let from = parts.iter().rposition(|p| p.starts_with('/')).unwrap_or(0);
                Value::Text(parts.get(from..).unwrap_or_default().join("/"))
            }
            (
                "os.path.expanduser" | "File.expand_path" | "os.homedir" | "Dir.home" | "Path.home"
                | "pathlib.Path.home",
                _,
            ) => {
                let path = first.map(Value::text).unwrap_or_else(|| "~".to_owned());
                Value::Text(path.replacen('~', &text::HOME.to_string(), 1))
            }
            ("glob.glob" | "glob" | "glob.iglob" | "Dir.glob" | "Dir", _) => Value::Text(
                text::globbed(&first.map(Value::text).unwrap_or_else(|| ANY.to_string())),
            ),
            (
                "os.listdir" | "os.walk" | "os.scandir" | "Dir.entries" | "Dir.children"
                | "scandir" | "fs.readdirSync",
                _,
            ) => {
                let root = first.map(Value::text).unwrap_or_else(|| ".".to_owned());
                Value::Text(format!("{}/{}", root.trim_end_matches('/'), text::BELOW))
            }
            ("join" | "implode", _) => match arguments {
                [Value::Text(separator), Value::List(items)] => joined(separator, items),
                [Value::Text(separator), rest @ ..] => joined(separator, rest),
                _ => Value::Unknown,
            },
            ("pack" | "array.pack", _) => match arguments {
                [Value::Text(format), Value::Text(data)] if format.starts_with(['H', 'h']) => {
                    decode_hex(data).map_or(Value::Unknown, Value::Text)
                }
                [Value::Text(format), rest @ ..] if format.starts_with(['C', 'U', 'c']) => {
                    bytes_of(rest)
                }
                _ => Value::Unknown,
            },
            _ => self.host.call(name, arguments),
        }
    }

    /// A call that another one makes; bounded, because it may name itself.
    fn deeper(&mut self, name: &str, arguments: &[Value]) -> Value {
        self.nesting += 1;
        let value =
            if self.nesting > NESTING_MAX { Value::Unknown } else { self.called(name, arguments) };
        self.nesting -= 1;
        value
    }
}
