/** Arguments for each key of the write script, in this order: kind, expected version, value, mark, time to live. */
export const argumentsPerKey = 5;

/** The kinds of operation that the write script knows, for hashes and for JSON documents. */
export type WriteKind = "set" | "del" | "jset" | "jdel";

/**
 * Writes any number of keys, all or none. Answers 0, or the position of the first key whose version refuses the write.
 *
 * compat: fields, versions and the rule who may write are those of state/redis/redis.go: version 0 stands for no ETag and
 * passes unless the key is marked `first-write`; an absent key takes any ETag; a key of another type is replaced.
 */
export const writeScript = `
local known = {}
local function look(key, json)
  local state = known[key]
  if state then return state end
  state = {version = false, marked = false, stray = false}
  known[key] = state
  local version
  if json then version = redis.pcall("JSON.GET", key, ".version") else version = redis.pcall("HGET", key, "version") end
  if type(version) == "table" then
    state.stray = true
    if json and redis.call("TYPE", key).ok ~= "ReJSON-RL" then state.foreign = true end
  elseif version and version ~= "" then
    state.version = version
  end
  if not state.stray then
    if json then
      local mark = redis.pcall("JSON.GET", key, ".first-write")
      state.marked = (mark and type(mark) ~= "table") and true or false
    else
      state.marked = redis.call("HEXISTS", key, "first-write") == 1
    end
  end
  return state
end
local versions = {}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * ${argumentsPerKey}
  local kind, expected = ARGV[at + 1], ARGV[at + 2]
  local json = kind == "jset" or kind == "jdel"
  local state = look(key, json)
  if state.foreign then return redis.error_reply("WRONGTYPE the key " .. key .. " holds no JSON document") end
  local free = not state.version or state.version == expected
  if kind == "del" or kind == "jdel" then
    if not free and expected ~= "0" then return i end
    state.version = false
    state.marked = false
  else
    if not free and (state.marked or expected ~= "0") then return i end
    local last = state.version or (json and expected) or 0
    versions[i] = string.format("%.0f", (tonumber(last) or 0) + 1)
    state.version = versions[i]
    if ARGV[at + 4] == "0" then state.marked = true elseif json then state.marked = false end
  end
end
for i, key in ipairs(KEYS) do
  local at = (i - 1) * ${argumentsPerKey}
  local kind, value, mark, ttl = ARGV[at + 1], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if kind == "del" then
    redis.call("DEL", key)
  elseif kind == "jdel" then
    redis.call("JSON.DEL", key)
  elseif kind == "set" then
    if known[key].stray then
      redis.call("DEL", key)
      known[key].stray = false
    end
    if mark == "0" then redis.call("HSET", key, "first-write", 0) end
    redis.call("HSET", key, "data", value, "version", versions[i])
  else
    local extra = ""
    if mark == "0" then extra = ',"first-write":0' end
    redis.call("JSON.SET", key, "$", '{"data":' .. value .. extra .. ',"version":' .. versions[i] .. '}')
  end
  if versions[i] and ttl ~= "" then
    if tonumber(ttl) > 0 then redis.call("EXPIRE", key, ttl) else redis.call("PERSIST", key) end
  end
end
return 0`;

/** Reads the parts of a JSON document as they are stored: value and version, or nothing when the key is absent. */
export const readDocumentScript = `
if redis.call("EXISTS", KEYS[1]) == 0 then return false end
local version = redis.pcall("JSON.GET", KEYS[1], ".version")
if type(version) == "table" then version = false end
return {redis.call("JSON.GET", KEYS[1], ".data"), version}`;
