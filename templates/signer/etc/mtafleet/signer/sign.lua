-- Written by mtafleet: changes made here are overwritten by the next `mtafleet configure`.
--
-- For every message of an authenticated user:
--   the From header must hold one address that the user may send as;
--   the message is signed with the active key of the From header's domain, so DKIM is aligned;
--   the envelope sender becomes bounce+TOKEN@RETURN-PATH-DOMAIN of that same domain, so SPF is aligned.
-- TOKEN is 30 hexadecimal digits: 8 for the time in seconds, 8 at random, 14 of the keyed BLAKE2b hash
-- (64 bytes) of the first 16. Hexadecimal survives systems that change the case of local parts.

local cryptobox_hash = require "rspamd_cryptobox_hash"
local util = require "rspamd_util"
local tables = dofile("/etc/mtafleet/signer/tables.lua")

local function refuse(task, text)
  task:set_pre_result("reject", text, "mtafleet")
end

local function defer(task, text)
  task:set_pre_result("soft reject", text, "mtafleet")
end

local function may_send_as(user, address, domain)
  local senders = tables.users[user]
  return senders and (senders[address] or senders["@" .. domain])
end

local function token()
  local stem = string.format("%08x%s", os.time(), util.random_hex(8))
  return stem .. cryptobox_hash.create_keyed(tables.return_path_key, stem):hex():sub(1, 14)
end

rspamd_config:register_symbol({
  name = "MTAFLEET_SIGN",
  type = "normal",
  score = 0.0,
  callback = function(task)
    local user = task:get_user()
    if not user then
      return refuse(task, "Authentication required")
    end
    local from = task:get_from("mime")
    if not from or #from ~= 1 or #(task:get_header_full("From") or {}) ~= 1 then
      return refuse(task, "There must be one From header with one address")
    end
    local address, domain = from[1].addr:lower(), from[1].domain:lower()
    local known = tables.domains[domain]
    if not known or not may_send_as(user, address, domain) then
      return refuse(task, "From header address not owned by user " .. user)
    end
    local key = { domain = domain, selector = known.selector, key = known.key }
    if not rspamd_plugins.dkim.sign(task, key) then
      return defer(task, "Signing is not possible now")
    end
    task:set_milter_reply({ change_from = "bounce+" .. token() .. "@" .. known.return_path })
  end,
})
