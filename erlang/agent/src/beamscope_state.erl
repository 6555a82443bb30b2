%% @doc The state and the status of one process that serves system messages (`sys'): asked for only where an answer is
%% to be expected at once, and cut here to what may travel. The same source runs loaded and interpreted; see
%% beamscope_processes.erl for what that asks of it.
%%
%% Whoever is asked copies its state into a message, in full and before any limit of ours counts, and what is shared in it
%% once for each reference; so nobody is asked whose heap is large, who does not serve system messages, or who is busy: a request that is not answered in time stays in the mailbox of that process, and in one that
%% never looks for such requests it stays for ever.
-module(beamscope_state).

-export([read/1]).

-export_type([spec/0, step/0, answer/0]).

%% Messages up to which a process is looked at closer: what its heap takes is found by walking its queue.
-define(LONG_QUEUE, 1000).
%% Milliseconds between two looks at a process that is not waiting for messages.
-define(PAUSE, 20).
%% Keys that are named where a path goes wrong, and among how many they are the smallest.
-define(KEYS, 30).
-define(LOOKED_KEYS, 300).
%% Milliseconds that whoever reads a whole dictionary may take.
-define(CALLBACK_MILLIS, 1000).
%% Bytes in external format of a key that is named whole. Room for a charlist of a hundred characters.
-define(NAMED_KEY, 600).

-type step() :: {pos_integer(), none | integer(), [binary()], [binary()]}.
%% The place behind the step; the position, from 1, in a list or a tuple that it can be; and the keys of a map or of a list
%% of pairs, in external format: those that it is, the first that is there counts, and those that it can stand for where
%% none of them is there, and no more than one of these.

-type spec() :: #{
    pid := pid(),
    request := get_state | get_status,
    %% Where in the state, or in what a status shows as such, the part lies that is wanted: of a gen_statem in its data, of
    %% a gen_event in the states of its handlers, which stand under their modules or `{Module, Id}'.
    %% For each place, from 1, the steps that can be taken there: what a text is split into can be read in more than one
    %% way. The first that leads to the end counts. There is nothing more to take at the first place without steps.
    path := [[step()]],
    %% Milliseconds for which a process that is busy is looked at again.
    patience_ms := non_neg_integer(),
    %% Milliseconds that the answer may take.
    timeout_ms := non_neg_integer(),
    %% Words of heap up to which a process is asked, and its dictionary read where one key of it cannot be.
    max_heap_words := non_neg_integer(),
    %% Bytes of the part in external format; what is larger is cut.
    room := pos_integer()
}.

-type answer() ::
    #{
        outcome := told,
        %% The module whose loop the process was found in, or, where it hibernates or is suspended, comes back to:
        %% `gen_server', `gen_statem' or `gen_event' where its callback tells.
        loop := module(),
        %% `unread': before OTP 26.2, where the dictionary is too large when copied.
        callback := undefined | unread | mfa(),
        %% Whether the callback is another one than it says: it was rewritten, as an Agent does.
        rewritten := boolean(),
        %% As far as can be seen: who hibernates does so suspended, too.
        suspended := boolean(),
        %% What stands in front of each step's part. Whether that is a secret is told by these.
        fronts := [front()],
        %% The places behind the steps that were taken.
        steps := [pos_integer()],
        %% What was answered, or the part of it, cut as beamscope_cut.hrl has it.
        term := term(),
        is_cut := boolean(),
        %% Of the whole part, in external format.
        bytes := non_neg_integer()
    }
    %% The process has ended.
    | #{outcome := gone}
    %% It was not asked: what it keeps is secret.
    | #{
        outcome := secret,
        callback := mfa(),
        status := atom(),
        messages := non_neg_integer(),
        current := mfa(),
        heap_words := non_neg_integer()
    }
    %% It was asked, and did not answer in time. The request is in its mailbox, or it is copying still.
    | #{outcome := timeout, heap_words := non_neg_integer()}
    %% It was asked, and its own code failed.
    | #{outcome := failed, reason := term()}
    %% It was not asked: no sign that it serves system messages; not in its loop whenever it was looked at; more messages
    %% than are answered soon; a heap too large to be copied, or (before OTP 26.2) to look for the sign on it.
    | #{
        %% `unread': its dictionary, where alone there could be a sign, is too large when copied.
        outcome := no_sys | busy | long_queue | large | unread,
        messages := non_neg_integer(),
        status := atom(),
        current := mfa() | undefined,
        heap_words => non_neg_integer()
    }
    %% The path leads nowhere: which steps were taken, by which keys as above, and what is there. `ambiguous': the keys
    %% there that the next step can stand for.
    | #{
        outcome := no_part,
        steps := [pos_integer()],
        ambiguous := [term()],
        fronts := [front()],
        kind := atom(),
        size := non_neg_integer(),
        %% The smallest first.
        there := [term()]
    }.

-type front() :: {} | {term()} | {term(), term()} | [term()].
%% What stands in front of a part: `{Key}' of a value; in a tuple `{First}' and, further behind, `{First, Before}'; in a list
%% `[Before]'; nothing where it is the first. The mark of beamscope_cut.hrl stands for what is large.

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_copied.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% @doc The state of a process, or a part of it, or its status: a packed `answer()'.
-spec read(spec()) -> binary().
read(#{pid := Pid, patience_ms := Patience} = Spec) ->
    case ready(Pid, erlang:monotonic_time(millisecond) + Patience, Spec) of
        #{outcome := ready} = Found -> packed(tell(Pid, Found, Spec));
        Refused -> packed(Refused)
    end.

%% Looks at the process until it waits in a loop that serves system messages.
ready(Pid, Until, #{max_heap_words := MaxHeap} = Spec) ->
    case erlang:process_info(Pid, [status, message_queue_len, current_function, initial_call]) of
        undefined ->
            #{outcome => gone};
        [{_, Status}, {_, Messages}, {_, Current}, {_, Initial}] ->
            Seen = #{status => Status, messages => Messages, current => Current},
            case Messages =< ?LONG_QUEUE andalso place(Pid, Status, Current, Initial, MaxHeap) of
                false ->
                    Seen#{outcome => long_queue};
                serves ->
                    case erlang:process_info(Pid, total_heap_size) of
                        undefined -> #{outcome => gone};
                        {_, Words} when Words > MaxHeap -> Seen#{outcome => large, heap_words => Words};
                        {_, Words} -> maps:merge(Seen#{heap_words => Words}, asked_or_not(callback(Pid, MaxHeap)))
                    end;
                {large, Words} ->
                    Seen#{outcome => large, heap_words => Words};
                busy when Status =/= suspended ->
                    case erlang:monotonic_time(millisecond) < Until of
                        true ->
                            rest(?PAUSE),
                            ready(Pid, Until, Spec);
                        false ->
                            Seen#{outcome => busy}
                    end;
                Place ->
                    Seen#{outcome => Place}
            end
    end.

%% Where a process is: in a loop that `serves' system messages, `busy' with something else but to come back to such a
%% loop, or without a sign of one, `no_sys'; `{large, Words}' where only its callback could give the sign, on a heap that
%% is too large.
place(Pid, waiting, {erlang, hibernate, _}, Initial, MaxHeap) ->
    sign(Pid, Initial, MaxHeap, serves);
place(Pid, Status, {Module, _, _} = Current, Initial, MaxHeap) ->
    case Status =:= waiting andalso serves(Module) andalso (loops(Current) orelse not is_behaviour(Module)) of
        true -> serves;
        false -> returns(Pid, Initial, MaxHeap)
    end;
place(Pid, _, _, Initial, MaxHeap) ->
    returns(Pid, Initial, MaxHeap).

%% These wait for other things too: for the replies of a multi_call, in old releases of a call.
is_behaviour(Module) -> lists:member(Module, [gen_server, gen_statem, gen_event]).

%% Whether a loop that serves system messages is on the stack, or was where the process began.
returns(Pid, Initial, MaxHeap) ->
    case erlang:process_info(Pid, current_stacktrace) of
        {_, Frames} ->
            case lists:any(fun serves/1, [element(1, Frame) || Frame <- Frames]) of
                true -> busy;
                false -> sign(Pid, Initial, MaxHeap, busy)
            end;
        undefined ->
            no_sys
    end.

%% What a process is by the callback that it began with: `Place', `no_sys', or what keeps it from being read.
sign(Pid, {proc_lib, init_p, _}, MaxHeap, Place) ->
    case callback(Pid, MaxHeap) of
        {large, Words} ->
            {large, Words};
        late ->
            busy;
        unread ->
            unread;
        Callback ->
            case behaves(Callback) of
                true -> Place;
                false -> no_sys
            end
    end;
sign(_, _, _, _) ->
    no_sys.

%% Modules with a loop that serves system messages have the callbacks of `sys'; but `sys' itself, which a suspended
%% process is in, and that of Gleam's actors.
serves(sys) -> true;
serves(gleam_erlang_ffi) -> true;
serves(Module) -> erlang:function_exported(Module, system_continue, 3).

%% Whether the callback module of a process is that of a behaviour.
behaves({supervisor, _, _}) ->
    true;
behaves({Module, init, 1}) when is_atom(Module) ->
    lists:any(
        fun({Name, Arity}) -> erlang:function_exported(Module, Name, Arity) end,
        [{system_continue, 3}, {handle_call, 3}, {callback_mode, 0}]
    );
behaves({Module, _, _}) when is_atom(Module) ->
    serves(Module);
behaves(_) ->
    false.

%% `$initial_call' of a process, or `{large, Words}' where it could be read only off a heap of more than so many. Before
%% OTP 26.2 that copies the whole dictionary, which lies on a heap that may be copied; not by us, whose heap is for the
%% state: `unread' where it is too large, `late' where the process did not get there.
callback(Pid, MaxHeap) ->
    try erlang:process_info(Pid, {dictionary, '$initial_call'}) of
        {_, Call} -> Call;
        undefined -> undefined
    catch
        error:badarg ->
            case erlang:process_info(Pid, total_heap_size) of
                {_, Words} when Words =< MaxHeap ->
                    case apart(MaxHeap + ?COPIES, ?CALLBACK_MILLIS, fun() -> copied_callback(Pid) end) of
                        {answer, Call} -> Call;
                        late -> late;
                        _ -> unread
                    end;
                {_, Words} ->
                    {large, Words};
                undefined ->
                    undefined
            end
    end.

%% What is no function is not told.
copied_callback(Pid) ->
    case copied_values(['$initial_call'], Pid) of
        [[{Module, Name, Arity}]] when is_atom(Module), is_atom(Name), is_integer(Arity) -> {Module, Name, Arity};
        _ -> undefined
    end.

%% Processes of OTP that may keep cookies, or the keys of connections, in their state are not asked.
asked_or_not({large, Words}) ->
    #{outcome => large, heap_words => Words};
asked_or_not(late) ->
    #{outcome => busy};
asked_or_not({First, Second, _} = Callback) when is_atom(First), is_atom(Second) ->
    case keeps_secrets(hd([Second || First =:= supervisor] ++ [First])) of
        true -> #{outcome => secret, callback => Callback};
        false -> #{outcome => ready, callback => Callback}
    end;
asked_or_not(Other) ->
    #{outcome => ready, callback => Other}.

%% Whether a module is one of OTP's for cookies, TLS or SSH. Where the distribution runs over TLS, its processes are there
%% also on a node that has not loaded `ssl', so that no application tells of the module.
keeps_secrets(auth) ->
    true;
keeps_secrets(Module) ->
    case application:get_application(Module) of
        {ok, Application} -> Application =:= ssl orelse Application =:= ssh;
        undefined -> lists:member(atom_to_list(Module), tls_modules())
    end.

%% The modules of `ssl' with processes, of OTP 23 to 29: as texts, which make no atoms where the modules are not.
tls_modules() ->
    [
        "dtls_client_connection", "dtls_connection", "dtls_connection_sup", "dtls_listener_sup", "dtls_packet_demux",
        "dtls_server_connection", "dtls_server_session_cache_sup", "dtls_server_sup", "dtls_sup", "ssl_admin_sup",
        "ssl_client_session_cache_db", "ssl_connection_sup", "ssl_dist_admin_sup", "ssl_dist_connection_sup",
        "ssl_dist_sup", "ssl_gen_statem", "ssl_listen_tracker_sup", "ssl_manager", "ssl_pem_cache",
        "ssl_server_session_cache", "ssl_server_session_cache_db", "ssl_server_session_cache_sup",
        "ssl_session_cache", "ssl_sup", "ssl_trace", "ssl_upgrade_server_session_cache_sup", "tls_client_connection",
        "tls_client_connection_1_3", "tls_client_ticket_store", "tls_connection", "tls_connection_1_3",
        "tls_connection_sup", "tls_dist_server_sup", "tls_dist_sup", "tls_dyn_connection_sup", "tls_sender",
        "tls_server_connection", "tls_server_connection_1_3", "tls_server_session_ticket",
        "tls_server_session_ticket_sup", "tls_server_sup", "tls_socket", "tls_sup"
    ].

tell(Pid, #{current := {Found, _, _}, callback := Callback, heap_words := Words}, #{path := Path, room := Room} = Spec) ->
    #{request := Request, timeout_ms := Timeout} = Spec,
    Loop = loop(Found, Callback),
    case answered(ask(Pid, Request, Timeout), Request, Found) of
        {failed, Reason} ->
            #{outcome => failed, reason => cut(Reason, Room)};
        {told, Told} ->
            case part(within(Loop, shown(Request, Loop, Told, Path), Path), 1, list_to_tuple(Path), []) of
                {part, Part, Steps} ->
                    Bytes = erlang:external_size(Part),
                    #{
                        outcome => told,
                        loop => Loop,
                        callback => Callback,
                        rewritten => Loop =:= gen_server andalso is_rewritten(Callback),
                        suspended => Found =:= sys,
                        fronts => [Front || {_, Front} <- Steps],
                        steps => [Next || {Next, _} <- Steps],
                        term => cut(Part, Room),
                        is_cut => Bytes > Room,
                        bytes => Bytes
                    };
                {nowhere, Last, Ambiguous, Steps} ->
                    {Kind, Size, There} = describe(Last),
                    #{
                        outcome => no_part,
                        fronts => [Front || {_, Front} <- Steps],
                        steps => [Next || {Next, _} <- Steps],
                        ambiguous => [cut(Key, ?KEY) || Key <- Ambiguous],
                        kind => Kind,
                        size => Size,
                        there => There
                    }
            end;
        timeout ->
            #{outcome => timeout, heap_words => Words};
        gone ->
            #{outcome => gone}
    end.

%% Whose loop a process serves system messages in that was found in the module `Found'. Not of one that has the callbacks
%% of more than one behaviour.
loop(Found, Callback) when Found =:= erlang; Found =:= sys ->
    case Callback of
        {supervisor, _, _} ->
            gen_server;
        {gen_event, _, _} ->
            gen_event;
        {Module, init, 1} when is_atom(Module) ->
            Exported = fun(Name, Arity) -> erlang:function_exported(Module, Name, Arity) end,
            case {Exported(handle_call, 3), Exported(callback_mode, 0)} of
                {true, false} -> gen_server;
                {false, true} -> gen_statem;
                _ -> Found
            end;
        _ ->
            Found
    end;
loop(Found, _) ->
    Found.

%% Whether another callback than that of a gen_server is told for one. An Agent tells the function that made its first
%% state.
is_rewritten({supervisor, _, _}) -> false;
is_rewritten({Module, init, 1}) -> not erlang:function_exported(Module, handle_call, 3) andalso erlang:module_loaded(Module);
is_rewritten({_, _, _}) -> true;
is_rewritten(_) -> false.

%% What an answer says. A state is told as it is before OTP 26, and as `{ok, State}' later, whoever serves system messages
%% by `sys'; Gleam's actors always tell `{ok, State}'.
answered({reply, Reply}, get_state, Found) ->
    case {Reply, Found =:= gleam_erlang_ffi orelse wraps()} of
        {{ok, State}, true} -> {told, State};
        {{error, Reason}, true} -> {failed, Reason};
        {{error, {callback_failed, {_, system_get_state}, _} = Reason}, false} -> {failed, Reason};
        {State, _} -> {told, State}
    end;
answered({reply, {error, Reason}}, _, _) ->
    {failed, Reason};
answered({reply, Status}, _, _) ->
    {told, Status};
answered(None, _, _) ->
    None.

%% Whether `sys' of this release tells a state in a tuple: seen by what it answers for a state of ours. What it would go on
%% with then there is not.
wraps() ->
    Tag = make_ref(),
    catch sys:handle_system_msg(get_state, {self(), Tag}, self(), lists, [], state),
    receive
        {Tag, Reply} -> Reply =:= {ok, state}
    after 0 -> false
    end.

%% What has the state that a path begins in: the state itself, or what `format_status' has made of it in a status, in the form
%% that `sys:get_state/1' tells states in; where it has no place in that for a state, all that the behaviour tells.
shown(get_status, Loop, {status, _, _, [_, _, _, _, Own]}, [_ | _]) ->
    try
        case Loop of
            gen_event -> hd([[handled(One) || One <- All] || {items, {"Installed handlers", All}} <- Own]);
            _ -> hd([State || {data, Pairs} <- Own, {"State", State} <- Pairs])
        end
    catch
        error:_ -> Own
    end;
shown(_, _, Told, _) ->
    Told.

%% As gen_event keeps its handlers: `#handler{module, id, state, supervised}'.
handled({handler, Module, Id, State, _}) -> {Module, Id, State}.

%% What a path begins in: what is shown as the state.
within(_, State, []) ->
    State;
within(gen_statem, {_, Data}, _) ->
    Data;
within(gen_event, Handlers, [At | _]) when is_list(Handlers) ->
    case [Position || {_, Position, _, _} <- At, is_integer(Position)] of
        [_ | _] -> [State || {_, _, State} <- Handlers];
        [] -> [handler(Handler) || {_, _, _} = Handler <- Handlers]
    end;
within(_, State, _) ->
    State.

%% The only handler of its module has no id.
handler({Module, false, State}) -> {Module, State};
handler({Module, Id, State}) -> {{Module, Id}, State}.

%% A system message as `sys' sends it. Where there are aliases, a late reply goes nowhere.
ask(Pid, Request, Timeout) ->
    {Monitor, Tag} =
        case erlang:function_exported(erlang, alias, 1) of
            true ->
                Alias = erlang:monitor(process, Pid, [{alias, reply_demonitor}]),
                {Alias, [alias | Alias]};
            false ->
                Reference = erlang:monitor(process, Pid),
                {Reference, Reference}
        end,
    Pid ! {system, {self(), Tag}, Request},
    receive
        {Tag, Reply} ->
            erlang:demonitor(Monitor, [flush]),
            {reply, Reply};
        {'DOWN', Monitor, process, Pid, _} ->
            gone
    after Timeout ->
        erlang:demonitor(Monitor, [flush]),
        timeout
    end.

%% The part of a term that a path leads to, or the last one on the way that leads farthest; and the steps: the place behind
%% each, and what stands in front of its part.
part(Term, Place, Path, Steps) when Place > tuple_size(Path) ->
    {part, Term, lists:reverse(Steps)};
part(Term, Place, Path, Steps) ->
    Nowhere = {nowhere, Term, [], lists:reverse(Steps)},
    Follow = fun
        (_, {part, _, _} = Found) ->
            Found;
        ({Next, _, _, _} = Step, {nowhere, _, Ambiguous, Longest} = Found) ->
            case step(Term, Step) of
                {Front, Inner} ->
                    Further = part(Inner, Next, Path, [{Next, small(Front)} | Steps]),
                    hd([Further || element(1, Further) =:= part orelse length(element(4, Further)) > length(Longest)] ++ [Found]);
                [_, _ | _] = Keys when Ambiguous =:= [] ->
                    hd([{nowhere, Term, Keys, lists:reverse(Steps)} || length(Longest) =< length(Steps)] ++ [Found]);
                _ ->
                    Found
            end
    end,
    lists:foldl(Follow, Nowhere, element(Place, Path)).

small(Front) when is_tuple(Front) -> list_to_tuple(small(tuple_to_list(Front)));
small(Front) -> [hd([One || erlang:external_size(One) =< ?NAMED_KEY] ++ [?CUT]) || One <- Front].

%% What a step leads to: `{Front, Part}', nothing, `[]', or the keys that it can stand for, where these are several.
step(Map, {_, _, Keys, Others}) when is_map(Map) ->
    There = fun(Packed) -> [Key || Key <- known(Packed), is_map_key(Key, Map)] end,
    Chosen = chosen(There(Keys), There(Others)),
    hd([{{Key}, map_get(Key, Map)} || [Key] <- [Chosen]] ++ [Chosen]);
step(Tuple, {_, At, _, _}) when is_tuple(Tuple), is_integer(At), At >= 1, At =< tuple_size(Tuple) ->
    First = [element(1, Tuple) || At > 1],
    Before = [element(At - 1, Tuple) || At > 2],
    {list_to_tuple(First ++ Before), element(At, Tuple)};
step([_ | _] = List, {_, At, Keys, Others}) ->
    All = list_size(List),
    case is_integer(At) andalso At >= 1 andalso At =< All of
        true ->
            {[lists:nth(At - 1, List) || At > 1], item(List, At)};
        false ->
            Pairs = fun(Packed) -> [Pair || Key <- known(Packed), Pair <- pair(Key, List)] end,
            Of = fun(Found) -> [Key || {Key, _} <- Found] end,
            Found = {Pairs(Keys), Pairs(Others)},
            Chosen = chosen(Of(element(1, Found)), Of(element(2, Found))),
            Both = element(1, Found) ++ element(2, Found),
            hd([{{Key}, Value} || [Key] <- [Chosen], {Same, Value} <- Both, Same =:= Key] ++ [Chosen])
    end;
step(_, _) ->
    [].

%% Of the keys that are there the first of those that a step is, or else all that it can stand for.
chosen([Key | _], _) -> [Key];
chosen([], Keys) -> Keys.

%% The item at a position of a list that may be improper: what it ends in comes last.
item(List, At) ->
    case lists:nthtail(At - 1, List) of
        [Item | _] -> Item;
        Tail -> Tail
    end.

%% The first pair with just this key: 1 is not 1.0.
pair(Key, List) ->
    try
        case lists:keyfind(Key, 1, List) of
            {Same, Value} when Same =:= Key -> [{Key, Value}];
            false -> [];
            _ -> lists:sublist([{Key, Value} || {Same, Value} <- List, Same =:= Key], 1)
        end
    catch
        error:_ -> []
    end.

%% A term with an atom that there is not is no key of anything.
known(Keys) -> lists:append([known_one(Key) || Key <- Keys]).

known_one(Packed) ->
    try
        [binary_to_term(Packed, [safe])]
    catch
        error:_ -> []
    end.

describe(Map) when is_map(Map) ->
    {map, map_size(Map), smallest(taken(?LOOKED_KEYS, maps:next(maps:iterator(Map)), []))};
describe(Tuple) when is_tuple(Tuple) ->
    {tuple, tuple_size(Tuple), []};
describe([_ | _] = List) ->
    {list, list_size(List), smallest([Item || {_, _} = Item <- front(List, ?LOOKED_KEYS, [])])};
describe([]) ->
    {list, 0, []};
describe(_) ->
    {leaf, 0, []}.

%% The keys of pairs, those that take least room first.
smallest(Pairs) ->
    Sized = [{erlang:external_size(Key), Key} || {Key, _} <- Pairs],
    [cut(Key, ?KEY) || {_, Key} <- lists:sublist(lists:sort(Sized), ?KEYS)].
