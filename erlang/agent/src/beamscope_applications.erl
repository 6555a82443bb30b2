%% @doc The applications of this node, their processes and their environment. Runs compiled and interpreted; see
%% `beamscope_processes' for what that asks of the source.
%%
%% What it spares the node. The application controller is asked once, if it is idle, and need not answer; whatever else can
%% be is read from its table. Processes are counted by list BIFs, some at a time, and memory is asked only of those with a
%% short message queue, since that walks the queue.
-module(beamscope_applications).

-export([list/1, state/1, information/1, environment/1, names/1]).

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_survey.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% Messages up to which a process is asked for its memory.
-define(LONG_QUEUE, 10000).
%% Bytes in external format of a value of the environment that is told whole.
-define(VALUE, 4000).
%% Words of heap that who reads one of them may take: as many as our own workers may.
-define(VALUE_WORDS, 8388608).
%% Words of the controller's table up to which a value is copied that may be all of it.
-define(COPIED_WORDS, 16777216).
%% Milliseconds that who reads a value has at least.
-define(READ_MILLIS, 100).
%% Values of the environment whose size is read between two looks at the clock.
-define(SETTINGS, 20).
%% Milliseconds that the processes of OTP's own that answer from memory get to do so.
-define(PATIENCE, 1000).

%% @doc A page of the applications that are loaded. Sorted by `name', `processes' or `memory' (bytes). Filters: `name', a
%% part in any case, and `state'. Incomplete: `controller', which was busy or did not answer, so that it is not known
%% which of those without processes run, and how they were started; `deadline', with processes not counted; `long_queue',
%% with memory not asked for; `left', where somebody who was asked did not answer in time and still has the request.
list(#{sort := Sort, deadline_ms := Millis} = Spec) ->
    Until = now_ms() + Millis,
    Loaded = application:loaded_applications(),
    {Told, Mute} = controller(min(?PATIENCE, Millis div 2)),
    {Counts, Late} = counted_until(Until),
    Rows = [row(Application, Told, Counts) || Application <- Loaded],
    Found = maps:from_list([{map_get(name, Row), Row} || Row <- Rows, passes(Row, Spec)]),
    Unread = [long_queue || lists:any(fun(#{unmeasured := Count}) -> Count > 0 end, Rows)],
    Keys = [{map_get(Sort, Row), Name} || {Name, Row} <- maps:to_list(Found)],
    listed(Keys, fun({_, Name}) -> map_get(Name, Found) end, Spec, {length(Rows), Mute ++ Late ++ Unread}).

%% @doc The `state' of one loaded application by the text of its name, and `incomplete', packed; of only `names', those
%% that are loaded, where there is none. No process is looked at, and the controller is not asked where its table tells.
state(#{name := Text, deadline_ms := Millis}) ->
    Loaded = application:loaded_applications(),
    case [Name || {Name, _, _} <- Loaded, atom_to_binary(Name, utf8) =:= Text] of
        [] ->
            packed(#{names => [Name || {Name, _, _} <- Loaded]});
        [Name] ->
            Master = application_controller:get_master(Name),
            {Told, Mute} =
                case is_pid(Master) of
                    true -> {[], []};
                    false -> controller(min(?PATIENCE, Millis div 2))
                end,
            packed(#{name => Name, state => state(Name, Master, Told), incomplete => Mute})
    end.

%% @doc One loaded application by the text of its name: a packed map, of a row and its keys; of only `names', those that
%% are loaded, where there is none. At most `limit' modules and registered names are told. Incomplete as in a list, and
%% `directory' and `supervisor' where those who know them were busy or did not answer; `stuck' is who, of the latter.
information(#{name := Text, limit := Limit, deadline_ms := Millis}) ->
    Until = now_ms() + Millis,
    Loaded = application:loaded_applications(),
    case [Found || {Name, _, _} = Found <- Loaded, atom_to_binary(Name, utf8) =:= Text] of
        [] ->
            packed(#{names => [Name || {Name, _, _} <- Loaded]});
        [{Name, _, _} = Found] ->
            {Told, Mute} = controller(min(?PATIENCE, Millis div 2)),
            {Counts, Late} = counted_until(Until),
            Row = row(Found, Told, Counts),
            Modules = lists:sort(key(Name, modules, [])),
            Registered = lists:sort(key(Name, registered, [])),
            Master = application_controller:get_master(Name),
            {Supervisor, Stuck, Silent} = supervisor(Master),
            {Directory, Unplaced} = directory(Name),
            packed(Row#{
                applications => key(Name, applications, []),
                optional => key(Name, optional_applications, []),
                included => key(Name, included_applications, []),
                needed_by => [Other || {Other, _, _} <- Loaded, lists:member(Name, key(Other, applications, []))],
                module_count => length(Modules),
                modules => lists:sublist(Modules, Limit),
                registered_count => length(Registered),
                registered => lists:sublist(Registered, Limit),
                start_module => start_module(key(Name, mod, [])),
                supervisor => Supervisor,
                stuck => Stuck,
                directory => Directory,
                environment => length(keys(Name)),
                incomplete => lists:usort(
                    Mute ++ Late ++ Silent ++ Unplaced ++ [long_queue || map_get(unmeasured, Row) > 0]
                )
            })
    end.

%% @doc A page of the environment of a loaded application, sorted by `name', that of the key, or by `bytes', those of the
%% value in external format. A value that is large is cut; of one that is too large to be copied, or that may be where the
%% environments of all applications are, the row has no `value' and no `bytes', and by these it comes first. Filter: `pattern', which finds something in the key. Incomplete: `deadline', with values whose
%% size was not read, and which are left out.
environment(#{name := Text, sort := Sort, deadline_ms := Millis} = Spec) ->
    Until = now_ms() + Millis,
    Name = existing(Text),
    All = keys(Name),
    Found =
        case Spec of
            #{pattern := Pattern} -> [Key || Key <- All, holds(io_lib:format("~0tp", [Key]), Pattern)];
            _ -> All
        end,
    {Keys, Late} =
        case Sort of
            name ->
                {[{Key, Key} || Key <- Found], []};
            bytes ->
                Measure = fun(Some, Measured) -> [{size(Name, Key, Until), Key} || Key <- Some] ++ Measured end,
                scan(fun(Left) -> some(?SETTINGS, Left) end, Found, #{until => Until}, Measure, [])
        end,
    Read = fun({_, Key}) ->
        case of_value(Name, Key, Until, fun(Value) -> setting(Key, Value) end) of
            too_large -> #{key => Key};
            Row -> Row
        end
    end,
    listed(Keys, Read, Spec, {length(All), Late}).

setting(Key, {ok, Value}) ->
    Size = erlang:external_size(Value),
    #{key => Key, value => cut(Value, ?VALUE), bytes => Size, is_cut => Size > ?VALUE};
setting(_, undefined) ->
    gone.

%% `too_large', which is more than any number, where nobody can tell.
size(Application, Key, Until) -> of_value(Application, Key, Until, fun erlang:external_size/1).

%% What a process of its own makes of a value, since nothing but a copy tells how large it is, which is made in full before
%% a limit of heap counts; `too_large' where it outgrew its heap, or the copy may be more than the node should bear: no
%% value is larger than the table.
of_value(Application, Key, Until, Make) ->
    case ets:info(ac_tab, memory) =< ?COPIED_WORDS orelse is_flat(Application, Key) of
        true ->
            Ask = fun() -> Make(application:get_env(Application, Key)) end,
            case apart(?VALUE_WORDS, max(?READ_MILLIS, Until - now_ms()), Ask) of
                {answer, Answer} -> Answer;
                _ -> too_large
            end;
        false ->
            too_large
    end.

%% Whether a value has no parts. It is not copied to find out.
is_flat(Application, Key) ->
    HasParts = {'orelse', {is_list, '$2'}, {is_tuple, '$2'}, {is_map, '$2'}, {is_function, '$2'}},
    Flat = {{{env, Application, '$1'}, '$2'}, [{'=:=', '$1', {const, Key}}, {'not', HasParts}], [true]},
    ets:select_count(ac_tab, [Flat]) > 0.

%% @doc A page of the modules or of the registered names of a loaded application, by name: its key `list'. Filter: `part',
%% in any case. A row has the `name' alone.
names(#{name := Text, list := List} = Spec) ->
    All = lists:usort(key(existing(Text), List, [])),
    Found =
        case Spec of
            #{part := Part} -> [Name || Name <- All, contains(atom_to_binary(Name, utf8), Part)];
            _ -> All
        end,
    listed([{Name, 0} || Name <- Found], fun({Name, _}) -> #{name => Name} end, Spec, {length(All), []}).

%% From the controller's table, so without the values, which may be large.
keys(Name) -> ets:select(ac_tab, [{{{env, Name, '$1'}, '_'}, [], ['$1']}]).

key(Name, Key, Default) ->
    case application:get_key(Name, Key) of
        {ok, Value} -> Value;
        undefined -> Default
    end.

start_module({Module, _}) -> Module;
start_module(_) -> undefined.

%% Of the code server, which waits for the file system, and for functions of modules that it loads.
directory(Name) ->
    case told_by([whereis(code_server)], ?PATIENCE, fun() -> code:lib_dir(Name) end, {undefined, directory}) of
        {{error, _}, []} -> {undefined, []};
        Told -> Told
    end.

%% What the controller says of all, and whether it did: it is silent while it stops an application.
controller(Millis) ->
    Ask = fun() -> gen_server:call(application_controller, info, infinity) end,
    told_by([whereis(application_controller)], Millis, Ask, {[], controller}).

row({Name, Description, Version}, Told, Counts) ->
    Master = application_controller:get_master(Name),
    {_, Processes, Memory, Unmeasured} = maps:get(Master, Counts, {Master, 0, 0, 0}),
    #{
        name => Name,
        state => state(Name, Master, Told),
        description => Description,
        version => Version,
        start_type => proplists:get_value(Name, proplists:get_value(started, Told, [])),
        processes => Processes,
        memory => Memory,
        unmeasured => Unmeasured
    }.

state(Name, Master, Told) ->
    IsAmong = fun(Key) -> lists:keymember(Name, 1, proplists:get_value(Key, Told, [])) end,
    case {IsAmong(starting), is_pid(Master) orelse IsAmong(running)} of
        {true, _} -> starting;
        {_, true} -> running;
        _ -> loaded
    end.

passes(#{name := Name, state := State}, Spec) ->
    contains(atom_to_binary(Name, utf8), maps:get(name, Spec, "")) andalso
        State =:= maps:get(state, Spec, State).

%% `{{Pid, Module}, undefined, []}' of what an application's start returned; where its master did not say so, who did not
%% answer, and `supervisor': one that stops waits for others. The master hands the question on to the process that has
%% started the application.
supervisor(undefined) ->
    {undefined, undefined, []};
supervisor(Master) ->
    Ask = fun() -> application_master:get_child(Master) end,
    Asked = [Master | starters(Master)],
    case told_by(Asked, ?PATIENCE, Ask, {undefined, supervisor}) of
        {{Pid, Module}, []} when is_pid(Pid) -> {{Pid, Module}, undefined, []};
        {_, Missing} -> {undefined, hd([Pid || Pid <- Asked, idle(Pid) =/= idle] ++ [Master]), Missing}
    end.

starters(Master) ->
    Links = [Pid || {_, Linked} <- [erlang:process_info(Master, links)], Pid <- Linked, is_pid(Pid), node(Pid) =:= node()],
    [Pid || Pid <- Links, erlang:process_info(Pid, initial_call) =:= {initial_call, {application_master, start_it, 4}}].

%% `#{Leader => {Leader, Processes, Bytes, Unmeasured}}' by group leader, and `[deadline]' where time ran out.
counted_until(Until) ->
    Table = ets:new(applications, [private]),
    Add = fun(_, Led, _) -> add(Led, Table) end,
    {_, Late, _} = survey(fun some/2, processes(), #{until => Until, helpers => ?HELPERS}, led, Add, none),
    Counts = maps:from_list([{element(1, Entry), Entry} || Entry <- ets:tab2list(Table)]),
    ets:delete(Table),
    {Counts, Late}.

%% `{Leader, Increments}' of processes that are alive.
look_at(led, Pids) ->
    Told = lists:zip(Pids, info(Pids, [group_leader, message_queue_len])),
    Head = {'$1', [{group_leader, '$2'}, {message_queue_len, '$3'}]},
    Short = [{Head, [{'=<', '$3', ?LONG_QUEUE}], [{{'$1', '$2'}}]}],
    Long = [{Head, [{'>', '$3', ?LONG_QUEUE}], [{{'$2', [{{2, 1}}, {{4, 1}}]}}]}],
    {Asked, Leaders} = lists:unzip(ets:match_spec_run(Told, ets:match_spec_compile(Short))),
    Measured = [{{'$1', {memory, '$2'}}, [], [{{'$1', [{{2, 1}}, {{3, '$2'}}]}}]}],
    ets:match_spec_run(lists:zip(Leaders, info(Asked, memory)), ets:match_spec_compile(Measured)) ++
        ets:match_spec_run(Told, ets:match_spec_compile(Long)).

info(Pids, Items) -> lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Items)).

add(Led, Table) ->
    {Leaders, Increments} = lists:unzip(Led),
    [ets:insert_new(Table, {Leader, 0, 0, 0}) || Leader <- lists:usort(Leaders)],
    lists:zipwith3(fun ets:update_counter/3, lists:duplicate(length(Led), Table), Leaders, Increments).
